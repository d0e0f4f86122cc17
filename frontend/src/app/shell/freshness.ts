/** How old what the page shows is, said honestly. */

export type FreshnessKind = 'loading' | 'live' | 'stale' | 'disconnected'

/** One watched query: when its data came, how often it is asked again (0: only once), how often it failed since. */
export interface Watched {
  updatedAt: number
  everyMs: number
  failures: number
}

export interface Freshness {
  kind: FreshnessKind
  seconds: number
}

const PATIENCE_MS = 3_000

/** The oldest live query speaks for the page; `now` and `updatedAt` come from the same, local clock. */
export function freshnessOf(watched: readonly Watched[], now: number, online: boolean): Freshness {
  const live = watched.filter((query) => query.everyMs > 0)
  if (!live.length) return { kind: online ? 'loading' : 'disconnected', seconds: 0 }
  const worst = live.reduce((a, b) => (lateness(b, now) > lateness(a, now) ? b : a))
  const seconds = worst.updatedAt ? Math.max(0, Math.round((now - worst.updatedAt) / 1000)) : 0
  if (!online || live.some((query) => query.failures > 0)) return { kind: 'disconnected', seconds }
  if (!worst.updatedAt) return { kind: 'loading', seconds: 0 }
  return { kind: lateness(worst, now) > PATIENCE_MS ? 'stale' : 'live', seconds }
}

function lateness(query: Watched, now: number): number {
  return query.updatedAt ? now - query.updatedAt - query.everyMs : 0
}
