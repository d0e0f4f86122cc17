/** The time ranges a comparison can show, and how far apart its points are. */
import type { RolloutPage } from '@/app/rollouts/rollout'

export const RANGES = ['rollout', '15m', '1h', '6h', '24h', '7d'] as const
export type RangeName = (typeof RANGES)[number]

const SECONDS = { '15m': 900, '1h': 3600, '6h': 21_600, '24h': 86_400, '7d': 604_800 } satisfies Record<
  Exclude<RangeName, 'rollout'>,
  number
>

export const RANGE_LABEL = {
  rollout: 'range.rollout',
  '15m': 'range.15m',
  '1h': 'range.1h',
  '6h': 'range.6h',
  '24h': 'range.24h',
  '7d': 'range.7d',
} satisfies Record<RangeName, string>

const LONGEST = SECONDS['7d']
const SHORTEST = 120
const POINTS = 160
const STEPS = [2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]

/** How many seconds back the API must be asked to cover the range; a rollout is shown with a tenth of lead-in. */
export function secondsOf(range: RangeName, rollout: Pick<RolloutPage, 'startedAt'> | null, now: number): number {
  if (range !== 'rollout') return SECONDS[range]
  if (rollout?.startedAt == null) return SECONDS['15m']
  const since = ((now - rollout.startedAt) / 1000) * 1.1 + 30
  return Math.round(Math.min(LONGEST, Math.max(SHORTEST, since)))
}

/** Seconds between two points, round, so that a chart has about as many points as it can show. */
export function stepOf(seconds: number): number {
  return STEPS.find((step) => seconds / step <= POINTS) ?? 3600
}

/** A length that changes only now and then: a growing range must not make a new question of every second. */
export function settled(seconds: number): number {
  const grain = Math.max(30, stepOf(seconds) * 8)
  return Math.min(LONGEST, Math.ceil(seconds / grain) * grain)
}

type Span = Pick<RolloutPage, 'startedAt' | 'endedAt'> | null

/** What is drawn, in ms: of a rollout that has ended, from shortly before its start until shortly after its end. */
export function windowOf(range: RangeName, rollout: Span, now: number): { from: number; until: number } {
  if (range !== 'rollout' || rollout?.startedAt == null) return { from: now - secondsOf(range, rollout, now) * 1000, until: now }
  const end = rollout.endedAt ?? now
  const lead = Math.max(15_000, (end - rollout.startedAt) * 0.08)
  const until = Math.min(now, end + (rollout.endedAt ? lead : 0))
  return { from: Math.max(until - LONGEST * 1000, rollout.startedAt - lead), until }
}

/** What the API is asked for, in seconds: a rollout that is over has an end of its own, and so as many points as a live one. */
export function askedOf(range: RangeName, rollout: Span, now: number): { seconds: number; step: number; until?: number } {
  const { from, until } = windowOf(range, rollout, now)
  if (until < now) {
    const seconds = Math.min(LONGEST, Math.max(60, Math.ceil((until - from) / 1000)))
    const step = stepOf(seconds)
    return { seconds: Math.min(LONGEST, seconds + step), step, until: Math.ceil(until / 1000) }
  }
  const seconds = settled(secondsOf(range, rollout, now))
  return { seconds, step: stepOf(seconds) }
}
