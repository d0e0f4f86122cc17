/** The geometry of a difference with its interval over time: a line inside a band, and the zero it has to leave. */
import { decimalsOf, niceTicks, timeTicks } from './scale'

export interface IntervalPoint {
  at: number
  difference: number
  low: number
  high: number
}

const LEFT = 56
const TOP = 12
const BOTTOM = 24
const TICKS = 4
/** The first looks know next to nothing: an axis that shows their width whole would flatten all that matters. */
const WIDEST = 2

export function intervalPlot(points: readonly IntervalPoint[], size: { width: number; height: number; offsetMs: number; gutter: number }) {
  const area = { left: LEFT, right: Math.max(LEFT + 40, size.width - size.gutter), top: TOP, bottom: size.height - BOTTOM }
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last) return null
  const reach = WIDEST * (last.high - last.low) || Math.abs(last.difference) || 1
  const lows = points.map((point) => Math.max(point.low, last.difference - reach))
  const highs = points.map((point) => Math.min(point.high, last.difference + reach))
  const ticks = niceTicks(Math.min(0, ...lows), Math.max(0, ...highs), TICKS)
  const [bottom, top] = [ticks[0] ?? 0, ticks.at(-1) ?? 1]
  const x = (at: number): number => area.left + ((at - first.at) / Math.max(1, last.at - first.at)) * (area.right - area.left)
  const y = (value: number): number =>
    area.bottom - ((Math.min(top, Math.max(bottom, value)) - bottom) / (top - bottom || 1)) * (area.bottom - area.top)
  const corner = (at: number, value: number): string => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`
  const upper = points.map((point) => corner(point.at, point.high))
  const lower = points.map((point) => corner(point.at, point.low)).reverse()
  return {
    area,
    band: `M${[...upper, ...lower].join('L')}Z`,
    line: `M${points.map((point) => corner(point.at, point.difference)).join('L')}`,
    zero: Math.round(y(0)) + 0.5,
    end: { x: x(last.at), y: y(last.difference), low: y(last.low), high: y(last.high) },
    decimals: decimalsOf(ticks),
    yTicks: ticks.map((value) => ({ value, y: Math.round(y(value)) + 0.5 })),
    xTicks: timeTicks(first.at, last.at, Math.max(3, Math.floor((area.right - area.left) / 96)), size.offsetMs)
      .map((tick) => ({ ...tick, x: x(tick.at) }))
      .filter((tick) => tick.x >= area.left + 24),
  }
}
