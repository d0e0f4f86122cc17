/** Where the requests of a service go: what Weir decided, what the mesh is told, what arrives. */
import type { Shares, TrafficRow } from '@/api/contract'
import { rulesFromApi, stickyFromApi, type Sticky } from './rules'

/** Percent of requests; `other` are destinations that are neither stable nor candidate. */
export interface Split {
  stable: number
  candidate: number
  other: number
}

export interface Names {
  stable: string
  candidate: string
}

export type Traffic = ReturnType<typeof trafficFromApi>

export function trafficFromApi(row: TrafficRow, names: Names) {
  const sticky = stickyFromApi(row.sticky ?? null)
  return {
    declared: withSticky(splitOf(row.declared, names), sticky),
    configured: withSticky(splitOf(row.configured, names), sticky),
    /** What the weights alone make of the requests that no rule picks. */
    ordinary: splitOf(row.configured, names),
    observed: splitOf(row.observed, names),
    observedSeconds: row.observed_seconds,
    requests: row.requests ? Object.values(row.requests).reduce((sum, count) => sum + count, 0) : null,
    requestsOfCandidate: row.requests?.[names.candidate] ?? null,
    matched: row.matched,
    rules: rulesFromApi(row.rules ?? []),
    sticky,
    mirror: typeof row.mirror?.percent === 'number' ? row.mirror.percent : null,
    drift: row.drift ?? null,
    problem: row.problem ?? '',
  }
}

export function splitOf(shares: Shares | null, names: Names): Split | null {
  if (!shares) return null
  const total = Object.values(shares).reduce((sum, share) => sum + share, 0)
  const stable = shares[names.stable] ?? 0
  const candidate = names.candidate === names.stable ? 0 : (shares[names.candidate] ?? 0)
  return { stable, candidate, other: Math.max(0, total - stable - candidate) }
}

/** Users who always see the candidate come off the top; the weights split the rest. Ids are spread evenly. */
function withSticky(split: Split | null, sticky: Sticky | null): Split | null {
  if (!split || !sticky) return split
  const rest = (100 - sticky.percent) / 100
  return { stable: split.stable * rest, candidate: sticky.percent + split.candidate * rest, other: split.other * rest }
}

/** Why nothing was observed: just moved, or nothing came since. */
export function silence(traffic: Pick<Traffic, 'observedSeconds'>): { key: string; seconds: number } {
  const seconds = traffic.observedSeconds
  if (seconds <= 0) return { key: 'traffic.moved', seconds }
  return { key: seconds < 60 ? 'traffic.none_since' : 'traffic.not_observed', seconds }
}

/** What differs, as a message key with its numbers; null when the three agree as far as is known. */
export type Mismatch =
  | { key: 'traffic.mismatch.unread' }
  | { key: 'traffic.mismatch.drift'; declared: number; configured: number; points: number }
  | {
      key: 'traffic.mismatch.missing' | 'traffic.mismatch.surplus'
      points: number
      configured: number
      observed: number
      expected: number
      got: number
    }

const TOLERATED_POINTS = 1
/** Standard errors beyond which chance does not explain a difference between what is configured and what arrives. */
const SURE = 4

export function mismatchOf(traffic: Traffic): Mismatch | null {
  const { declared, configured, observed, requests } = traffic
  if (!configured) return { key: 'traffic.mismatch.unread' }
  if (declared && Math.abs(declared.candidate - configured.candidate) > 0.5) {
    const points = Math.abs(configured.candidate - declared.candidate)
    return { key: 'traffic.mismatch.drift', declared: declared.candidate, configured: configured.candidate, points }
  }
  // Rules pick requests that nobody can foretell the number of.
  if (!observed || traffic.rules.length) return null
  const difference = observed.candidate - configured.candidate
  if (Math.abs(difference) < tolerated(configured.candidate, requests)) return null
  const of = (percent: number): number => ((requests ?? 0) * percent) / 100
  return {
    key: difference < 0 ? 'traffic.mismatch.missing' : 'traffic.mismatch.surplus',
    points: Math.abs(difference),
    configured: configured.candidate,
    observed: observed.candidate,
    expected: of(configured.candidate),
    got: traffic.requestsOfCandidate ?? of(observed.candidate),
  }
}

/** Points that chance alone may make of so many requests; small samples may be far off and mean nothing. */
function tolerated(percent: number, requests: number | null): number {
  if (!requests) return 5
  const share = Math.min(0.99, Math.max(0.01, percent / 100))
  return Math.max(TOLERATED_POINTS, SURE * 100 * Math.sqrt((share * (1 - share)) / requests))
}

/** The segments of one bar on a 0-100 scale, with the part that should have been the other version's marked. */
export function segments(
  split: Split,
  expected: Split | null,
): { kind: 'stable' | 'missing' | 'candidate' | 'surplus' | 'other'; percent: number }[] {
  const short = expected ? Math.max(0, expected.candidate - split.candidate) : 0
  const over = expected ? Math.max(0, split.candidate - expected.candidate) : 0
  return (
    [
      { kind: 'stable', percent: split.stable - short },
      { kind: 'missing', percent: short },
      { kind: 'surplus', percent: over },
      { kind: 'candidate', percent: split.candidate - over },
      { kind: 'other', percent: split.other },
    ] as const
  ).filter((segment) => segment.percent > 0.05)
}
