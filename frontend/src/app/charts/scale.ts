/** Axes: round ticks for values and for times. Pure arithmetic. */

/** At most `wanted` + 1 round values from `low` to `high`; the outer ones enclose the data. */
export function niceTicks(low: number, high: number, wanted: number): number[] {
  const span = high > low ? high - low : Math.abs(high) || 1
  const raw = span / wanted
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10) * power
  const first = Math.floor(low / step + 1e-9)
  const last = Math.ceil((high > low ? high : low + span) / step - 1e-9)
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)))
}

/** How many decimals the ticks need to be told apart. */
export function decimalsOf(ticks: readonly number[]): number {
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0)) || 1
  for (let decimals = 0; decimals < 6; decimals += 1) if (Math.abs(step - Number(step.toFixed(decimals))) < step * 1e-6) return decimals
  return 6
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [1, 2, 5, 10, 15, 30]
  .map((n) => n * SECOND)
  .concat(
    [1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
    [1, 2, 3, 6, 12].map((n) => n * HOUR),
    [1, 2, 7, 14].map((n) => n * DAY),
  )

export interface TimeTick {
  at: number
  /** Which part of the moment tells this tick from its neighbours. */
  unit: 'second' | 'minute' | 'day'
}

/** Round moments between two instants (ms), on the wall clock `offsetMs` east of UTC. */
export function timeTicks(from: number, until: number, wanted: number, offsetMs: number): TimeTick[] {
  const step = STEPS.find((candidate) => (until - from) / candidate <= wanted) ?? 28 * DAY
  const unit = step < MINUTE ? 'second' : step < DAY ? 'minute' : 'day'
  const ticks: TimeTick[] = []
  for (let at = Math.ceil((from + offsetMs) / step) * step - offsetMs; at <= until; at += step) ticks.push({ at, unit })
  return ticks
}

/** How far the wall clock of a zone is ahead of UTC at an instant, in ms. */
export function zoneOffset(at: number, timeZone: string): number {
  const wall = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).format(at)
  return Date.parse(`${wall.replace(' ', 'T')}Z`) - Math.floor(at / SECOND) * SECOND
}
