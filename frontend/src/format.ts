/** Every unit the dashboard prints, through `Intl`. Ratios come in 0-1, weights in percent, durations in seconds, instants in ms. */

const GAP = '\u00a0'
const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** Reads an ISO instant of the API as milliseconds since the epoch. */
export function instant(iso: string | null | undefined): number | null {
  const ms = iso ? Date.parse(iso) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}

export type Format = ReturnType<typeof createFormat>

export function createFormat(locale: string, timeZone: string) {
  const number = cached((key) => new Intl.NumberFormat(locale, JSON.parse(key) as Intl.NumberFormatOptions))
  const date = cached((key) => new Intl.DateTimeFormat(locale, { timeZone, ...(JSON.parse(key) as Intl.DateTimeFormatOptions) }))
  const digits = (value: number, min: number, max: number): string =>
    number(JSON.stringify({ minimumFractionDigits: min, maximumFractionDigits: max })).format(value)
  const shown = (ms: number, options: Intl.DateTimeFormatOptions): string => date(JSON.stringify(options)).format(ms)
  const dayOf = (ms: number): string => shown(ms, { year: 'numeric', month: '2-digit', day: '2-digit' })

  const count = (value: number): string => digits(value, 0, 0)
  const clock = (ms: number): string => shown(ms, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const clockSeconds = (ms: number): string => shown(ms, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
  const day = (ms: number): string => shown(ms, { day: 'numeric', month: 'short' })
  const weekday = (ms: number): string => shown(ms, { weekday: 'short', day: 'numeric', month: 'short' })

  return {
    locale,
    timeZone,
    count,
    digits,
    clock,
    clockSeconds,
    day,
    /** 99.92 %: two decimals, as differences of a hundredth matter at these rates. */
    ratio: (value: number, decimals = 2): string => `${digits(value * 100, decimals, decimals)}${GAP}%`,
    /** 5 or 83.8: percent of traffic without the sign; whole numbers stay whole. */
    share: (percent: number): string => digits(percent, 0, 1),
    percent: (percent: number): string => `${digits(percent, 0, 1)}${GAP}%`,
    ms: (value: number): string =>
      value >= 10_000 ? `${digits(value / 1000, 1, 1)}${GAP}s` : `${digits(value, 0, value < 10 ? 1 : 0)}${GAP}ms`,
    rate: (value: number): string => digits(value, 0, value < 10 ? 1 : 0),
    /** The clock alone for today, weekday and date before it otherwise; the year only when it is another one. */
    moment: (ms: number, now: number): string => (dayOf(ms) === dayOf(now) ? clock(ms) : `${weekday(ms)} ${clock(ms)}`),
    full: (ms: number): string =>
      shown(ms, {
        weekday: 'short',
        year: 'numeric',
        month: 'short',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
      }),
    today: (ms: number): string =>
      shown(ms, {
        weekday: 'short',
        year: 'numeric',
        month: 'short',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
      }),
    zone: (ms: number): string => `${timeZone} (${offset(ms, timeZone)})`,
  }
}

export type DurationPart = 'd' | 'h' | 'min' | 's'

/** Splits a duration into at most two parts: "1 d 21 h", "4 h 06 min", "12 min", "3 s". */
export function durationParts(seconds: number): { part: DurationPart; value: number; pad: boolean }[] {
  const total = Math.max(0, Math.round(seconds))
  if (total < MINUTE) return [{ part: 's', value: total, pad: false }]
  if (total < 10 * MINUTE) return two(total, MINUTE, 'min', 1, 's')
  if (total < HOUR) return [{ part: 'min', value: Math.floor(total / MINUTE), pad: false }]
  if (total < DAY) return two(total, HOUR, 'h', MINUTE, 'min')
  return two(total, DAY, 'd', HOUR, 'h')
}

function two(total: number, unit: number, big: DurationPart, small: number, rest: DurationPart) {
  const parts = [{ part: big, value: Math.floor(total / unit), pad: false }]
  const left = Math.floor((total % unit) / small)
  return left ? [...parts, { part: rest, value: left, pad: rest !== 'h' }] : parts
}

/** "UTC+8" of a zone at an instant. */
function offset(ms: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'shortOffset' }).formatToParts(ms)
  return (parts.find((part) => part.type === 'timeZoneName')?.value ?? 'UTC').replace('GMT', 'UTC')
}

function cached<Value>(make: (key: string) => Value): (key: string) => Value {
  const known = new Map<string, Value>()
  return (key) => {
    const value = known.get(key) ?? make(key)
    known.set(key, value)
    return value
  }
}
