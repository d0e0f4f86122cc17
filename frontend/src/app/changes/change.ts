/** Changes of traffic by hand, as the API tells them. */
import type { ChangePreviewRow, ChangeRow, ChangeState, RouteRow } from '@/api/contract'
import type { IconName } from '@/app/shell/icons'
import type { Tone } from '@/app/rollouts/rollout'
import { splitOf, type Names, type Split } from '@/app/traffic/traffic'

export const CHANGE_EVENTS = ['approve', 'reject', 'apply', 'withdraw'] as const
export type ChangeEvent = (typeof CHANGE_EVENTS)[number]

export const CHANGE_TONE = {
  pending: 'hold',
  approved: 'hold',
  writing: 'wait',
  applied: 'pass',
  rejected: 'fail',
  withdrawn: 'none',
  expired: 'none',
} satisfies Record<ChangeState, Tone>

export const CHANGE_ICON = {
  pending: 'person',
  approved: 'check',
  writing: 'clock',
  applied: 'check',
  rejected: 'cross',
  withdrawn: 'nodata',
  expired: 'nodata',
} satisfies Record<ChangeState, IconName>

export type Change = ReturnType<typeof changeFromApi>

export function changeFromApi(row: ChangeRow) {
  return {
    id: row.id,
    number: row.number,
    names: { stable: row.stable.name, candidate: row.candidate.name },
    weight: row.weight,
    rules: row.spec.rules?.length ?? 0,
    state: row.state,
    stateLabel: row.state_label,
    needsVote: row.needs_vote,
    reason: row.reason,
    problem: row.problem,
    requestedBy: row.requested_by.name,
    fingerprint: row.fingerprint,
    votes: row.approvals.filter((vote) => vote.decision === 'approve' && !vote.voided_at).length,
    votesNeeded: row.approvals_needed,
    createdAt: Date.parse(row.created_at),
    events: row.allowed_events.flatMap((one) => {
      const event = CHANGE_EVENTS.find((known) => known === one.event)
      return event ? [{ event, allowed: one.allowed, why: one.why }] : []
    }),
  }
}

export type Preview = ReturnType<typeof previewFromApi>

export function previewFromApi(row: ChangePreviewRow) {
  const names: Names = { stable: row.stable, candidate: row.candidate }
  const nowhere: Split = { stable: 0, candidate: 0, other: 0 }
  return {
    names,
    before: splitOf(row.before, names) ?? nowhere,
    after: splitOf(row.effective, names) ?? nowhere,
    needsVote: row.needs_vote,
    votesNeeded: row.approvals_needed,
    groups: row.groups,
    withinRollout: row.within_rollout ?? null,
    difference: linesOf(row.difference),
    findings: row.findings,
    blocked: row.needs_vote && row.findings.some((finding) => finding.severity === 'error'),
    stickyPercent: row.sticky_percent,
    refusal: row.refusal,
    closed: row.closed,
  }
}

export interface DiffLine {
  kind: 'same' | 'added' | 'removed' | 'place'
  text: string
}

export function linesOf(difference: string): DiffLine[] {
  return difference
    .split('\n')
    .filter((line) => line && !line.startsWith('--- ') && !line.startsWith('+++ '))
    .map((line) => {
      if (line.startsWith('@@')) return { kind: 'place', text: line }
      if (line.startsWith('+')) return { kind: 'added', text: line.slice(1) }
      if (line.startsWith('-')) return { kind: 'removed', text: line.slice(1) }
      return { kind: 'same', text: line.slice(1) }
    })
}

export type Routed = ReturnType<typeof routedFromApi>

export function routedFromApi(row: RouteRow) {
  return {
    version: row.version,
    shares: Object.entries(row.shares ?? {}).filter(([, percent]) => percent > 0),
    action: row.action,
    why: row.why,
    routes: row.routes.map((route) => ({ name: route.name || route.path, hit: route.matched, why: route.why })),
  }
}

/** Reads `name: value` pairs, one a line; what has no colon is left out. */
export function pairsOf(text: string): Record<string, string> {
  const pairs = text
    .split('\n')
    .map((line) => line.split(/:(.*)/s))
    .filter(([name, value]) => name?.trim() && value !== undefined)
  return Object.fromEntries(pairs.map(([name, value]) => [(name ?? '').trim(), (value ?? '').trim()]))
}
