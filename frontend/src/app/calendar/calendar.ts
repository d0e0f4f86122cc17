/** The calendar: what holds when, what runs when, what the days are. Instants in ms; places on the axis in percent of its width. */
import type { CalendarRow } from '@/api/contract'
import { zoneOffset } from '@/app/charts/scale'
import type { RolloutState } from '@/app/rollouts/rollout'
import { instant } from '@/format'

export const DAY_MS = 86_400_000
export const WEEKS = ['2', '6'] as const

export type Effect = 'hold' | 'finish_step' | 'roll_back'

export interface Held {
  id: number
  name: string
  reason: string
  scope: string
  service: number | null
  cluster: number | null
  begins: number
  /** Null: until somebody lifts it. */
  ends: number | null
  effect: Effect | ''
  redButton: boolean
}

export interface StepTime {
  position: number
  weight: number
  begins: number
  ends: number | null
  planned: boolean
}

export interface RolloutTimes {
  id: number
  number: string
  service: number
  candidate: string
  state: RolloutState
  stateLabel: string
  steps: StepTime[]
}

export interface Opening {
  service: number
  name: string
  closed: boolean
  by: string
  isFreeze: boolean
  nextOpen: number | null
  nextClose: number | null
}

export interface CalendarPage {
  since: number
  until: number
  freezes: Held[]
  windows: Held[]
  rollouts: RolloutTimes[]
  /** Days that are not what their weekday promises, by ISO date. */
  special: ReadonlyMap<string, { working: boolean; name: string }>
  unknown: string
  openings: Opening[]
}

export function calendarFromApi(row: CalendarRow): CalendarPage {
  return {
    since: instant(row.since) ?? 0,
    until: instant(row.until) ?? 0,
    freezes: row.freezes.map(heldFromApi),
    windows: row.windows.map(heldFromApi),
    rollouts: row.rollouts.map((one) => ({
      id: one.id,
      number: one.number,
      service: one.service.id,
      candidate: one.candidate.name,
      state: one.state as RolloutState,
      stateLabel: one.state_label,
      steps: one.steps.map((step) => ({ ...step, begins: instant(step.begins) ?? 0, ends: instant(step.ends) })),
    })),
    special: new Map(row.days.map((day) => [day.day, { working: day.working, name: day.name }])),
    unknown: row.unknown,
    openings: row.services.map((one) => ({
      service: one.service.id,
      name: one.service.name,
      closed: one.closed,
      by: one.name,
      isFreeze: one.reason === 'freeze',
      nextOpen: instant(one.next_open),
      nextClose: instant(one.next_close),
    })),
  }
}

function heldFromApi(row: CalendarRow['freezes'][number]): Held {
  return {
    id: row.id,
    name: row.name,
    reason: row.reason,
    scope: row.scope,
    service: row.service,
    cluster: row.cluster,
    begins: instant(row.begins) ?? 0,
    ends: instant(row.ends),
    effect: row.effect as Effect | '',
    redButton: row.red_button,
  }
}

export interface Recurring extends Held {
  /** How often it holds in the range, the occurrence that is shown among them. */
  times: number
  /** When the last of them begins. */
  lastBegins: number
}

/** One line for each freeze or window: its occurrence that holds now or comes next, else the last one. */
export function recurring(rows: readonly Held[], now: number): Recurring[] {
  const groups = new Map<number, Held[]>()
  for (const row of rows) groups.set(row.id, [...(groups.get(row.id) ?? []), row])
  return [...groups.values()].flatMap((all) => {
    const sorted = all.sort((a, b) => a.begins - b.begins)
    const shown = sorted.find((one) => one.ends === null || one.ends > now) ?? sorted.at(-1)
    return shown ? [{ ...shown, times: all.length, lastBegins: sorted.at(-1)?.begins ?? shown.begins }] : []
  })
}

/** Whole days on the wall clock: from a day named in the URL, or from yesterday. */
export function rangeOf(day: string, weeks: string, now: number, timeZone: string): { since: number; until: number } {
  const named = Date.parse(`${day}T00:00:00Z`)
  const first = Number.isNaN(named)
    ? midnight(now - DAY_MS, timeZone)
    : midnight(named + DAY_MS / 2 - zoneOffset(named, timeZone), timeZone)
  return { since: first, until: midnight(first + Number(weeks) * 7 * DAY_MS + DAY_MS / 2, timeZone) }
}

/** The ISO date on the wall at an instant. */
export function dateOn(at: number, timeZone: string): string {
  return new Date(at + zoneOffset(at, timeZone)).toISOString().slice(0, 10)
}

export interface Place {
  x: number
  width: number
}

/** Where a span lies on the axis, in percent; null where none of it is to be seen. */
export function place(begins: number, ends: number | null, range: { since: number; until: number }): Place | null {
  const from = Math.max(begins, range.since)
  const until = Math.min(ends ?? range.until, range.until)
  const length = range.until - range.since
  return until > from ? { x: ((from - range.since) / length) * 100, width: ((until - from) / length) * 100 } : null
}

export interface DayMark extends Place {
  date: string
  at: number
  resting: boolean
  name: string
}

/** The days of the range: which rest, and what they are called. Weekends rest unless they are worked. */
export function dayMarks(page: CalendarPage, timeZone: string): DayMark[] {
  const marks: DayMark[] = []
  for (let at = page.since; at < page.until;) {
    const next = midnight(at + DAY_MS * 1.5, timeZone)
    const date = dateOn(at, timeZone)
    const weekend = [0, 6].includes(new Date(`${date}T12:00:00Z`).getUTCDay())
    const special = page.special.get(date)
    const where = place(at, next, page)
    if (where) marks.push({ ...where, date, at, resting: special ? !special.working : weekend, name: special?.name ?? '' })
    at = next
  }
  return marks
}

export interface Bar extends Place {
  key: string
  label: string
  planned: boolean
  rollout: number
}

export interface Row {
  service: number
  name: string
  opening: Opening
  freezes: (Place & { key: string; name: string })[]
  windows: (Place & { key: string })[]
  bars: Bar[]
}

/** One row per service: what covers it, and the steps of its rollouts. */
export function rowsOf(page: CalendarPage, clusterOf: ReadonlyMap<number, number> = new Map()): Row[] {
  return page.openings.map((opening) => {
    const covers = (held: Held): boolean =>
      held.service !== null ? held.service === opening.service : held.cluster === null || held.cluster === clusterOf.get(opening.service)
    const placed = (held: Held, index: number) => {
      const where = covers(held) ? place(held.begins, held.ends, page) : null
      return where ? [{ ...where, key: `${held.id}-${index}`, name: held.name }] : []
    }
    return {
      service: opening.service,
      name: opening.name,
      opening,
      freezes: page.freezes.flatMap(placed),
      windows: page.windows.flatMap(placed),
      bars: page.rollouts.filter((one) => one.service === opening.service).flatMap((one) => barsOf(one, page)),
    }
  })
}

function barsOf(rollout: RolloutTimes, page: CalendarPage): Bar[] {
  return rollout.steps.flatMap((step) => {
    const where = place(step.begins, step.ends, page)
    const key = `${rollout.id}-${step.position}`
    return where ? [{ ...where, key, label: String(step.weight), planned: step.planned, rollout: rollout.id }] : []
  })
}

/** Midnight on the wall before or at an instant. */
function midnight(at: number, timeZone: string): number {
  const offset = zoneOffset(at, timeZone)
  const wall = Math.floor((at + offset) / DAY_MS) * DAY_MS
  return wall - zoneOffset(wall - offset, timeZone)
}
