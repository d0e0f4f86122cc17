/**
 * The API's shapes under the names the nouns use. All of them come from schema.d.ts (`npm run schema`).
 *
 * Only the nouns' `fromApi()` functions and the mock server of development may read these.
 */
import type { components, paths } from './schema'

export type { paths }
type Schemas = components['schemas']

export type RolloutState = Schemas['RolloutState']
export type VerdictOutcome = Schemas['VerdictOutcomeEnum']
export type StepOutcome = Schemas['StepRunOutcomeEnum'] | Schemas['BlankEnum']
export type Strategy = Schemas['PlanStrategyEnum']

export type MeRow = Schemas['Me']
export type ServiceBrief = Schemas['ServiceRef']
export type ServiceDetail = Schemas['Service']
export type VersionBrief = Schemas['VersionRef']
export type ClusterRow = Schemas['Cluster']
export type MetricRow = Schemas['Metric']
export type VerdictRow = Schemas['Verdict']
export type ExperimentRow = Schemas['Experiment']
export type RehearsalRow = Schemas['Rehearsal']
export type StepRow = Schemas['StepRun']
export type ApprovalRow = Schemas['Approval']
export type AllowedEventRow = Schemas['AllowedEvent']
export type RolloutRow = Schemas['Rollout']
export type RolloutDetail = Schemas['RolloutDetail']
export type TrafficRow = Schemas['Split'] & Partial<Schemas['Traffic']>
export type MetricsRow = Schemas['Series']
export type AttentionRow = Schemas['Attention']
export type HealthRow = Schemas['Health']
export type OverviewServiceRow = Schemas['OverviewRow']
export type OverviewRow = Schemas['Overview']
export type AuditRow = Schemas['AuditEvent']
export type CalendarRow = Schemas['Calendar']
export type ChainRow = Schemas['Chain']
/** A rollout's timeline shows less of an event than the audit page. */
export type TimelineRow = Omit<AuditRow, 'object' | 'object_type' | 'object_id' | 'service' | 'rollout' | 'ip' | 'prev' | 'hash'> &
  Partial<Pick<AuditRow, 'object' | 'object_type' | 'object_id' | 'rollout'>>
export type WeightBody = Schemas['WeightInputRequest']
export type EventBody = Partial<WeightBody>
export type AuditFilter = NonNullable<paths['/api/v1/audit/']['get']['parameters']['query']>

export type Shares = Record<string, number>
/** Pairs of epoch seconds and value, oldest first. */
export type Points = number[][]
export type Json = unknown

export type ChangeState = Schemas['TrafficChangeState']
export type ChangeRow = Schemas['TrafficChange']
export type ChangePreviewRow = Schemas['ChangePreview']
export type TrainState = Schemas['TrainState']
export type TrainOrder = Schemas['TrainOrder']
export type TrainRow = Schemas['Train']
export type TrainDetailRow = Schemas['TrainDetail']
export type TrainBody = Schemas['TrainInputRequest']
export type SpecBody = Schemas['SpecRequest']
export type RouteRow = Schemas['Route']
