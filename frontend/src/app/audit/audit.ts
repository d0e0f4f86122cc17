/** The audit trail as the pages know it. */
import type { AuditRow, ChainRow, Json, TimelineRow } from '@/api/contract'
import type { Tone } from '@/app/rollouts/rollout'
import type { IconName } from '@/app/shell/icons'
import { instant } from '@/format'

export type AuditEvent = ReturnType<typeof auditFromApi>
export type Outcome = AuditRow['outcome']

export function auditFromApi(row: TimelineRow) {
  return {
    seq: row.seq,
    at: instant(row.at) ?? 0,
    actor: row.actor,
    channel: row.channel,
    action: row.action,
    outcome: row.outcome,
    sentence: row.sentence,
    reason: row.reason ?? '',
    before: row.before,
    after: row.after,
    rolloutId: row.rollout?.id ?? null,
    rolloutNumber: row.rollout?.number ?? '',
    object: row.object,
  }
}

export type Chain = ReturnType<typeof chainFromApi>

export function chainFromApi(row: ChainRow) {
  return {
    valid: row.valid,
    events: row.events,
    seq: row.seq,
    verifiedAt: instant(row.verified_at),
    wholeVerifiedAt: instant(row.whole_verified_at),
    running: row.running ? { seq: row.running.seq, until: row.running.until } : null,
    firstBad: row.first_bad,
    detail: row.detail,
  }
}

export const OUTCOME_TONE = { done: 'wait', refused: 'hold', failed: 'fail' } satisfies Record<Outcome, Tone>
export const OUTCOME_ICON = { done: 'check', refused: 'shield', failed: 'cross' } satisfies Record<Outcome, IconName>
export const OUTCOME_LABEL = {
  done: 'audit.outcome.done',
  refused: 'audit.outcome.refused',
  failed: 'audit.outcome.failed',
} satisfies Record<Outcome, string>

export interface Change {
  path: string
  before: string
  after: string
}

/** What differs between two values, one line for each leaf. */
export function changes(before: Json, after: Json): Change[] {
  const [old, now] = [leaves(before), leaves(after)]
  const paths = [...new Set([...old.keys(), ...now.keys()])]
  return paths
    .map((path) => ({ path, before: old.get(path) ?? '', after: now.get(path) ?? '' }))
    .filter((line) => line.before !== line.after)
}

function leaves(value: Json, path = ''): Map<string, string> {
  if (value === null || typeof value !== 'object')
    return new Map(value === null && !path ? [] : [[path, value === null ? '' : String(value)]])
  const entries = Array.isArray(value) ? value.map((item, index) => [String(index), item] as const) : Object.entries(value)
  return new Map(entries.flatMap(([key, item]) => [...leaves(item, path ? `${path}.${key}` : key)]))
}
