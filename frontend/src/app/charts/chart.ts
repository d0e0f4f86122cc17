/** What a chart is given, and what it says in words. */
import type { InjectionKey, Ref } from 'vue'
import type { Band, Limit, Line, Point } from './plot'
import { valueAt } from './plot'

export interface ChartSpec {
  key: string
  title: string
  unit: string
  lines: Line[]
  limit: Limit | null
  floor?: number
  ceiling?: number
  zero?: boolean
  /** A value with its unit, for sentences and tables. */
  show: (value: number) => string
  /** A value for the axis and the line ends, where the unit stands in the title. */
  tick: (value: number, decimals: number) => string
  note: string
}

export interface TimeRange {
  from: number
  until: number
  bands: Band[]
}

/** The moment pointed at, shared by the charts of a page, in ms. */
export const CURSOR: InjectionKey<Ref<number | null>> = Symbol('cursor')

export interface Reading {
  role: Line['role']
  name: string
  value: number | null
}

export function readingsAt(lines: readonly Line[], at: number, within: number): Reading[] {
  return lines.map((line) => ({ role: line.role, name: line.name, value: valueAt(line.points, at, within) }))
}

export function latest(line: Line | undefined): number | null {
  return line?.points.findLast((point) => point[1] !== null)?.[1] ?? null
}

/** At most `most` moments of the chart, newest first, for the table behind the button. */
export function tableRows(lines: readonly Line[], range: TimeRange, most = 24): { at: number; readings: Reading[] }[] {
  const moments = [...new Set(lines.flatMap((line) => line.points.map((point) => point[0])))]
    .filter((at) => at >= range.from && at <= range.until)
    .sort((a, b) => b - a)
  const every = Math.max(1, Math.ceil(moments.length / most))
  return moments.filter((_, index) => index % every === 0).map((at) => ({ at, readings: readingsAt(lines, at, 1) }))
}

/** The same points moved by a fixed amount: a limit that goes with the stable version. */
export function shifted(points: readonly Point[], by: (value: number) => number): Point[] {
  return points.map(([at, value]) => [at, value === null ? null : by(value)])
}

/** A moving mean over `reach` points to both sides, so that a limit does not twitch with each scrape. */
export function smoothed(points: readonly Point[], reach: number): Point[] {
  return points.map(([at], index) => {
    const near = points.slice(Math.max(0, index - reach), index + reach + 1).flatMap((point) => point[1] ?? [])
    return [at, near.length ? near.reduce((sum, value) => sum + value, 0) / near.length : null]
  })
}
