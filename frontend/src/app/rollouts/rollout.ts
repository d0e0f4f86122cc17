/** A rollout as the pages know it. Raw API objects stop here; every map over a state is exhaustive. */
import type { AllowedEventRow, ApprovalRow, RolloutDetail, RolloutRow, RolloutState, StepOutcome, StepRow, Strategy } from '@/api/contract'
import type { IconName } from '@/app/shell/icons'
import { rulesFromApi, stickyFromApi } from '@/app/traffic/rules'
import { instant } from '@/format'
import { verdictFromApi } from './verdict'

export type { RolloutState, StepOutcome, Strategy }
export type Tone = 'pass' | 'fail' | 'hold' | 'wait' | 'none'
export type Rollout = ReturnType<typeof rolloutFromApi>
export type RolloutPage = ReturnType<typeof rolloutDetailFromApi>
export type Step = ReturnType<typeof stepFromApi>
export type Approval = ReturnType<typeof approvalFromApi>

export interface AllowedEvent {
  event: RolloutEvent
  allowed: boolean
  why: string
}

export function rolloutFromApi(row: RolloutRow) {
  return {
    id: row.id,
    number: row.number,
    service: row.service,
    stable: row.stable,
    candidate: row.candidate,
    planName: row.plan?.name ?? '',
    strategy: STRATEGIES.find((known) => known === row.strategy) ?? 'canary',
    state: row.state,
    stateLabel: row.state_label,
    reasonCode: row.reason_code,
    why: row.why,
    nextLookAt: instant(row.next_look_at),
    fingerprint: row.fingerprint,
    currentStep: row.current_step,
    weights: row.weights,
    requestedBy: row.requested_by.name,
    startAt: instant(row.start_at),
    createdAt: instant(row.created_at) ?? 0,
    submittedAt: instant(row.submitted_at),
    approvedAt: instant(row.approved_at),
    startedAt: instant(row.started_at),
    endedAt: instant(row.ended_at),
    drifted: row.drift !== null,
    drift: row.drift && { manager: row.drift.manager, rows: row.drift.rows },
    verdict: row.latest_verdict ? verdictFromApi(row.latest_verdict) : null,
    promoteRequested: row.promote_requested,
    train: row.train,
    emergency: row.emergency && emergencyFromApi(row.emergency),
  }
}

function emergencyFromApi(row: NonNullable<RolloutRow['emergency']>) {
  return {
    incident: row.incident,
    reason: row.reason,
    declaredBy: row.declared_by.name,
    dueAt: instant(row.due_at) ?? 0,
    overdue: row.overdue,
    review: row.reviewed_by && { by: row.reviewed_by.name, justified: row.outcome === 'justified', findings: row.findings ?? '' },
  }
}

export function rolloutDetailFromApi(row: RolloutDetail) {
  return {
    ...rolloutFromApi(row),
    reason: row.reason,
    impact: row.impact,
    testEvidence: row.test_evidence,
    rollbackNote: row.rollback_note,
    ticket: row.ticket,
    intervalSeconds: row.evidence.interval_seconds ?? null,
    steps: row.steps.map(stepFromApi),
    approvals: row.approvals.map(approvalFromApi),
    approvalsNeeded: row.approvals_needed,
    events: row.allowed_events.flatMap(eventFromApi),
  }
}

export function stepFromApi(row: StepRow) {
  return {
    position: row.position,
    weight: row.planned.weight,
    bakeSeconds: row.planned.bake_seconds,
    gate: row.planned.gate,
    notBefore: instant(row.planned.not_before),
    rules: rulesFromApi(row.planned.rules ?? []),
    sticky: stickyFromApi(row.planned.sticky),
    hasMirror: row.planned.mirror != null,
    written: row.written ?? null,
    observed: row.observed ?? null,
    startedAt: instant(row.started_at),
    endedAt: instant(row.ended_at),
    bakeLeftSeconds: row.bake_left_seconds ?? null,
    outcome: row.outcome,
  }
}

function approvalFromApi(row: ApprovalRow) {
  return {
    id: row.id,
    by: row.by.name,
    decision: row.decision,
    reason: row.reason ?? '',
    fingerprint: row.fingerprint,
    at: instant(row.created_at) ?? 0,
    voided: row.voided_at != null,
    voidedWhy: row.voided_why ?? '',
  }
}

/** What a person may cause. An event this version does not know has no words and no button. */
export const EVENTS = [
  'edit',
  'submit',
  'cancel',
  'approve',
  'reject',
  'withdraw',
  'start',
  'revoke',
  'pause',
  'resume',
  'set_weight',
  'promote',
  'roll_back',
  'restore',
  'adopt',
  'revert',
  'retry',
] as const
export type RolloutEvent = (typeof EVENTS)[number]

const STRATEGIES = ['canary', 'ab_test', 'blue_green', 'mirror'] as const satisfies readonly Strategy[]

export function eventFromApi(row: AllowedEventRow): AllowedEvent[] {
  const event = EVENTS.find((known) => known === row.event)
  return event ? [{ event, allowed: row.allowed, why: row.why }] : []
}

export const STATE_TONE = {
  draft: 'none',
  pending: 'hold',
  approved: 'wait',
  running: 'wait',
  paused: 'hold',
  rolling_back: 'fail',
  completed: 'pass',
  rolled_back: 'fail',
  rejected: 'fail',
  cancelled: 'none',
  expired: 'none',
  reverted: 'fail',
} satisfies Record<RolloutState, Tone>

export const STATE_ICON = {
  draft: 'nodata',
  pending: 'person',
  approved: 'clock',
  running: 'play',
  paused: 'pause',
  rolling_back: 'undo',
  completed: 'check',
  rolled_back: 'undo',
  rejected: 'cross',
  cancelled: 'cross',
  expired: 'clock',
  reverted: 'undo',
} satisfies Record<RolloutState, IconName>

export const STATE_LABEL = {
  draft: 'state.draft',
  pending: 'state.pending',
  approved: 'state.approved',
  running: 'state.running',
  paused: 'state.paused',
  rolling_back: 'state.rolling_back',
  completed: 'state.completed',
  rolled_back: 'state.rolled_back',
  rejected: 'state.rejected',
  cancelled: 'state.cancelled',
  expired: 'state.expired',
  reverted: 'state.reverted',
} satisfies Record<RolloutState, string>

const FINISHED = {
  draft: false,
  pending: false,
  approved: false,
  running: false,
  paused: false,
  rolling_back: false,
  completed: true,
  rolled_back: true,
  rejected: true,
  cancelled: true,
  expired: true,
  reverted: true,
} satisfies Record<RolloutState, boolean>

/** States in which something may change without anybody touching the portal. */
const MOVING = {
  draft: false,
  pending: true,
  approved: true,
  running: true,
  paused: true,
  rolling_back: true,
  completed: false,
  rolled_back: false,
  rejected: false,
  cancelled: false,
  expired: false,
  reverted: false,
} satisfies Record<RolloutState, boolean>

export const isFinished = (state: RolloutState): boolean => FINISHED[state]
export const isMoving = (state: RolloutState): boolean => MOVING[state]
export const wentBack = (state: RolloutState): boolean => state === 'rolled_back' || state === 'rolling_back' || state === 'reverted'

export type Dot = 'done' | 'now' | 'stop' | 'bad' | 'todo'

export type Drift = NonNullable<Rollout['drift']>
export type Emergency = NonNullable<Rollout['emergency']>

/** How each step of the short step line is drawn. A step that waits for a person is violet, a rolled back one red. */
/** By what a step reaches the candidate where that is not the weight: users, copies or rules; `percent` where there is one. */
export function aimOf(step: Step): { by: 'weight' | 'sticky' | 'mirror' | 'rules'; percent: number } {
  if (step.weight === 0 && step.sticky) return { by: 'sticky', percent: step.sticky.percent }
  if (step.weight === 0 && step.hasMirror) return { by: 'mirror', percent: 0 }
  if (step.weight === 0 && step.rules.length) return { by: 'rules', percent: 0 }
  return { by: 'weight', percent: step.weight }
}

export const AIM_LABEL = {
  weight: 'step.aim.weight',
  sticky: 'step.aim.sticky',
  mirror: 'step.aim.mirror',
  rules: 'step.aim.rules',
} satisfies Record<ReturnType<typeof aimOf>['by'], string>

export function dots(rollout: Pick<Rollout, 'state' | 'weights' | 'currentStep' | 'drifted'>): { weight: number; dot: Dot }[] {
  const { state, currentStep } = rollout
  const here: Dot = wentBack(state) ? 'bad' : state === 'paused' || rollout.drifted ? 'stop' : 'now'
  return rollout.weights.map((weight, position) => {
    if (state === 'completed') return { weight, dot: 'done' }
    if (currentStep === null || position > currentStep) return { weight, dot: 'todo' }
    return { weight, dot: position < currentStep ? 'done' : here }
  })
}

/** The decision page stands in the admin: approving means having seen the difference of the rendered objects. */
export const decisionHref = (id: number): string => `/admin/releases/rollout/${id}/change/`

/** Everything about one rollout as a ZIP that verifies itself. */
export const evidenceHref = (id: number): string => `/api/v1/rollouts/${id}/evidence.zip`
