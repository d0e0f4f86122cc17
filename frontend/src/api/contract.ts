/**
 * The shapes of the REST API as the dashboard reads them (docs: /api/v1/docs/).
 *
 * Only the nouns' `fromApi()` functions and the mock server of development may import this file.
 */

export type RolloutState =
  | 'draft'
  | 'pending'
  | 'approved'
  | 'running'
  | 'paused'
  | 'rolling_back'
  | 'completed'
  | 'rolled_back'
  | 'rejected'
  | 'cancelled'
  | 'expired'
  | 'reverted'

/** What a person may cause, as the API writes it in `allowed_events`; `slug` is the word for the URL. */
export type RolloutEvent =
  | 'edit'
  | 'submit'
  | 'cancel'
  | 'approve'
  | 'reject'
  | 'withdraw'
  | 'start'
  | 'revoke'
  | 'pause'
  | 'resume'
  | 'set_weight'
  | 'promote'
  | 'roll_back'
  | 'restore'
  | 'adopt'
  | 'revert'
  | 'retry'

export type VerdictOutcome = 'pass' | 'fail' | 'inconclusive' | 'no_data'
export type StepOutcome = '' | 'writing' | 'baking' | 'passed' | 'rolled_back' | 'skipped'
export type Strategy = 'canary' | 'ab_test' | 'blue_green' | 'mirror'
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

export interface Page<Row> {
  next: string | null
  previous: string | null
  results: Row[]
}

export interface ServiceBrief {
  id: number
  name: string
  title: string
  namespace: string
  cluster: string
}

export interface VersionBrief {
  id: number
  name: string
  image: string
}

export interface UserBrief {
  id: number
  name: string
}

export interface VerdictRow {
  id: number
  at: string
  step: number | null
  outcome: VerdictOutcome
  metric: string
  rule: string
  sentence: string
  numbers: Record<string, Json>
}

export interface PlannedStep {
  weight: number
  bake_seconds: number
  gate: 'auto' | 'manual'
  not_before: string | null
  rules: Json[]
  sticky: Json
  mirror: Json
}

export interface StepRow {
  position: number
  planned: PlannedStep
  desired: number | null
  written: number | null
  observed: number | null
  started_at: string | null
  ended_at: string | null
  bake_left_seconds: number | null
  outcome: StepOutcome
}

export interface ApprovalRow {
  id: number
  by: UserBrief
  decision: string
  reason: string
  fingerprint: string
  created_at: string
  voided_at: string | null
  voided_why: string
}

export interface AllowedEventRow {
  event: RolloutEvent
  slug: string
  allowed: boolean
  why: string
}

export interface RolloutRow {
  id: number
  number: string
  service: ServiceBrief
  stable: VersionBrief
  candidate: VersionBrief
  plan: { id: number | null; name: string } | null
  strategy: Strategy
  state: RolloutState
  state_label: string
  reason_code: string
  why: string
  next_look_at: string | null
  fingerprint: string
  current_step: number | null
  weights: number[]
  requested_by: UserBrief
  reason: string
  impact: string
  test_evidence: string
  rollback_note: string
  ticket: string
  start_at: string | null
  created_at: string
  submitted_at: string | null
  approved_at: string | null
  started_at: string | null
  ended_at: string | null
  drift: Record<string, Json> | null
  latest_verdict: VerdictRow | null
  revision: number
  promote_requested: boolean
}

export interface RolloutDetail extends RolloutRow {
  evidence: Record<string, Json>
  steps: StepRow[]
  approvals: ApprovalRow[]
  approvals_needed: number
  allowed_events: AllowedEventRow[]
}

export type Shares = Record<string, number>

export interface TrafficRow {
  declared: Shares | null
  configured: Shares | null
  observed: Shares | null
  requests?: Shares | null
  matched: boolean
  rules?: Json[]
  drift?: Record<string, Json> | null
  problem?: string
}

/** Pairs of epoch seconds and value, oldest first. */
export type Points = number[][]

export interface MetricsRow {
  step: number
  versions: Record<string, Record<string, Points>>
}

export interface AttentionRow {
  kind: string
  severity: 'hold' | 'fail'
  service: number | null
  rollout: number | null
  title: string
  text: string
  action: { label: string; href: string }
}

export interface HealthRow {
  name: string
  ok: boolean
  detail: string
}

export interface OverviewServiceRow {
  service: ServiceBrief
  stable: VersionBrief | null
  candidate: VersionBrief | null
  traffic: TrafficRow
  rollout: RolloutRow | null
  last_rollout: RolloutRow | null
  metrics: Record<string, Record<string, number | null>>
  spark: Record<string, Points>
}

export interface OverviewRow {
  generated_at: string
  time_zone: string
  services: OverviewServiceRow[]
  attention: AttentionRow[]
  health: HealthRow[]
}

export interface AuditRow {
  seq: number
  at: string
  actor: string
  channel: string
  action: string
  outcome: 'done' | 'refused' | 'failed'
  sentence: string
  reason: string
  before: Json
  after: Json
  object_type?: string
  object_id?: string
  service?: ServiceBrief | number | null
  rollout?: { id: number; number: string } | number | null
  hash?: string
}

export interface MeRow {
  id: number
  name: string
  username: string
  language: string
  roles: { role: string; group: string }[]
  permissions: string[]
  is_superuser: boolean
  channel: string
  waiting_approvals: number
  csrf_token?: string
}

type Get<Answer, Query = never, Path = never> = {
  parameters: { query?: Query } & ([Path] extends [never] ? { path?: never } : { path: Path })
  responses: { 200: { headers: Record<string, never>; content: { 'application/json': Answer } } }
}
type Post<Body, Answer, Path> = Get<Answer, never, Path> & { requestBody: { content: { 'application/json': Body } } }
type Id = { id: number }

export interface EventBody {
  reason: string
  fingerprint?: string
  weight?: number
}

export interface RolloutFilter {
  service?: number
  active?: boolean
  cursor?: string
}

export interface AuditFilter {
  search?: string
  actor?: string
  action?: string
  outcome?: string
  service?: string
  rollout?: string
  since?: string
  until?: string
  cursor?: string
}

export interface ClusterRow {
  id: number
  name: string
  grafana_url: string
  kiali_url: string
  time_zone: string
}

export interface MetricRow {
  id: number
  name: string
  title: string
  kind: string
  role: 'guard' | 'kpi'
  direction: 'lower_is_better' | 'higher_is_better'
  unit: string
  margin: number
}

export interface ServiceDetail extends ServiceBrief {
  host: string
  port: number | null
  virtual_service: string
  destination_rule: string
  stable: VersionBrief | null
  metrics: string[]
}

export interface ChainRow {
  valid: boolean
  events: number
  verified_at: string
  first_bad?: number | null
  detail?: string
  head?: string
}

export interface paths {
  '/api/v1/me/': { get: Get<MeRow> }
  '/api/v1/overview/': { get: Get<OverviewRow> }
  '/api/v1/clusters/': { get: Get<Page<ClusterRow>> }
  '/api/v1/metrics/': { get: Get<Page<MetricRow>> }
  '/api/v1/services/{id}/': { get: Get<ServiceDetail, never, Id> }
  '/api/v1/services/{id}/traffic/': { get: Get<TrafficRow, never, Id> }
  '/api/v1/services/{id}/metrics/': { get: Get<MetricsRow, { seconds?: number; step?: number }, Id> }
  '/api/v1/rollouts/': { get: Get<Page<RolloutRow>, RolloutFilter> }
  '/api/v1/rollouts/{id}/': { get: Get<RolloutDetail, never, Id> }
  '/api/v1/rollouts/{id}/preview/': { get: Get<{ rollback_command: string }, never, Id> }
  '/api/v1/rollouts/{id}/verdicts/': { get: Get<Page<VerdictRow> | VerdictRow[], { cursor?: string }, Id> }
  '/api/v1/rollouts/{id}/timeline/': { get: Get<Page<AuditRow> | AuditRow[], { cursor?: string }, Id> }
  '/api/v1/rollouts/{id}/{event}/': { post: Post<EventBody, RolloutDetail, Id & { event: string }> }
  '/api/v1/audit/': { get: Get<Page<AuditRow>, AuditFilter> }
  '/api/v1/audit/verify/': { get: Get<ChainRow> }
}
