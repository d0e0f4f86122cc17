/** When each step began, or is expected to begin and end. Instants in ms; null where nobody can say. */
import { isFinished, type RolloutPage, type Step } from './rollout'

export interface ScheduledStep {
  step: Step
  from: number | null
  until: number | null
  kind: 'done' | 'now' | 'planned' | 'never'
  /** False if a person, an approval or evidence decides about the beginning as well as the clock. */
  certain: boolean
}

type Plan = Pick<RolloutPage, 'state' | 'reasonCode' | 'steps' | 'startAt' | 'currentStep' | 'endedAt'>

/** Held by something whose end the clock does not tell: the sentence of the rollout says by what. */
const HELD = new Set([
  'waiting_for_window',
  'held_by_freeze',
  'waiting_for_train',
  'waiting_for_turn',
  'waiting_for_checks',
  'waiting_for_person',
  'waiting_for_choice',
  'checks_failed',
  'approval_void',
  'mesh_unreachable',
  'mesh_refused',
])

export function schedule(rollout: Plan, now: number): ScheduledStep[] {
  const rows: ScheduledStep[] = []
  const held = HELD.has(rollout.reasonCode)
  let free = held ? null : beginning(rollout, now)
  let certain = rollout.state === 'running' || rollout.state === 'approved'
  for (const step of rollout.steps) {
    const row = step.startedAt !== null ? ran(step, rollout) : planned(step, rollout, free, now, certain)
    rows.push(row)
    free = row.until === null || (held && row.kind === 'now') ? null : Math.max(row.until, row.kind === 'now' ? now : 0)
    certain = certain && (row.kind === 'done' || row.kind === 'now' || row.certain)
  }
  return rows
}

/** The moment the last step is expected to be over. */
export function expectedEnd(rows: readonly ScheduledStep[]): number | null {
  const last = rows.at(-1)
  return last && last.kind !== 'never' ? last.until : null
}

/** The first step that has not begun, if the rollout can still reach it. */
export function nextStep(rows: readonly ScheduledStep[]): ScheduledStep | null {
  return rows.find((row) => row.kind === 'planned') ?? null
}

/** How much of the current step's bake is over, 0-1. */
export function bakeShare(row: ScheduledStep, now: number): number {
  const { startedAt, bakeSeconds, bakeLeftSeconds } = row.step
  if (row.kind !== 'now' || !bakeSeconds) return row.kind === 'done' ? 1 : 0
  const left = row.until !== null ? (row.until - now) / 1000 : (bakeLeftSeconds ?? bakeSeconds - (now - (startedAt ?? now)) / 1000)
  return Math.min(1, Math.max(0, 1 - left / bakeSeconds))
}

function ran(step: Step, rollout: Plan): ScheduledStep {
  const isNow = step.endedAt === null && !isFinished(rollout.state) && step.position === rollout.currentStep
  if (!isNow) return { step, from: step.startedAt, until: step.endedAt ?? rollout.endedAt, kind: 'done', certain: true }
  const runs = rollout.state === 'running'
  return { step, from: step.startedAt, until: runs ? (step.startedAt ?? 0) + step.bakeSeconds * 1000 : null, kind: 'now', certain: true }
}

function planned(step: Step, rollout: Plan, free: number | null, now: number, certain: boolean): ScheduledStep {
  const reachable = !isFinished(rollout.state) && rollout.state !== 'rolling_back'
  if (!reachable) return { step, from: null, until: null, kind: 'never', certain: true }
  const earliest = free === null ? null : Math.max(free, now, step.notBefore ?? 0)
  return {
    step,
    from: earliest,
    until: earliest === null ? null : earliest + step.bakeSeconds * 1000,
    kind: 'planned',
    certain: certain && earliest !== null && step.gate === 'auto',
  }
}

function beginning(rollout: Plan, now: number): number | null {
  switch (rollout.state) {
    case 'approved':
      return Math.max(now, rollout.startAt ?? now)
    case 'pending':
    case 'draft':
      return rollout.startAt
    default:
      return null
  }
}
