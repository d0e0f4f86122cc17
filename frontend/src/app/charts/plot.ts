/** The geometry of a chart of two versions on shared axes: data and a width in, everything to draw out. */
import { decimalsOf, niceTicks, timeTicks, type TimeTick } from './scale'

/** Time in ms, value in the chart's unit; null where nothing was measured. */
export type Point = readonly [at: number, value: number | null]

export interface Line {
  role: 'stable' | 'candidate'
  name: string
  points: readonly Point[]
}

export interface Band {
  from: number
  until: number
  label: string
}

/** What the candidate may not cross: `side` says where it is worse. It may move with the stable version. */
export interface Limit {
  points: readonly Point[]
  label: string
  side: 'below' | 'above'
}

export interface PlotInput {
  lines: readonly Line[]
  bands: readonly Band[]
  limit: Limit | null
  from: number
  until: number
  width: number
  height: number
  offsetMs: number
  /** No tick beyond these, whatever the data: a ratio has nothing above 1. */
  floor?: number
  ceiling?: number
  /** The axis starts at zero: amounts, not ratios. */
  zero?: boolean
  /** Room at the right for "v1 99.95". */
  gutter: number
}

const LEFT = 44
const TOP = 24
const BOTTOM = 24
const LABEL_GAP = 16
const CHAR_WIDTH = 6.4

export type Plot = ReturnType<typeof plot>

export function plot(input: PlotInput) {
  const { from, until, width, height } = input
  const area = { left: LEFT, right: Math.max(LEFT + 40, width - input.gutter), top: TOP, bottom: height - BOTTOM }
  const x = (at: number): number => area.left + ((at - from) / Math.max(1, until - from)) * (area.right - area.left)
  const ticks = valueTicks(input)
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1]
  const y = (value: number): number => area.bottom - ((value - low) / (high - low || 1)) * (area.bottom - area.top)
  const inside = (point: Point): boolean => point[0] >= from && point[0] <= until

  const lines = input.lines.map((line) => {
    const points = line.points.filter(inside)
    const last = points.findLast((point) => point[1] !== null)
    return {
      role: line.role,
      name: line.name,
      d: path(points, x, y),
      end: last && last[1] !== null ? { at: last[0], value: last[1], x: x(last[0]), y: y(last[1]) } : null,
    }
  })
  const labels = spread(
    lines.flatMap((line) => (line.end ? [{ role: line.role, name: line.name, value: line.end.value, y: line.end.y }] : [])),
  )

  return {
    area,
    x,
    y,
    lines,
    labels,
    decimals: decimalsOf(ticks),
    yTicks: ticks.map((value) => ({ value, y: Math.round(y(value)) + 0.5 })),
    xTicks: roomy(timeTicks(from, until, Math.max(3, Math.floor((area.right - area.left) / 64)), input.offsetMs), x, area),
    bands: bandsIn(input, x, area),
    limit: input.limit ? limitIn(input.limit, inside, x, y, area) : null,
  }
}

function valueTicks({ lines, limit, from, until, floor, ceiling, zero, height }: PlotInput): number[] {
  const points = [...lines.map((line) => line.points), limit?.points ?? []].flat()
  const values = points.flatMap(([at, value]) => (value !== null && at >= from && at <= until ? [value] : []))
  let low = values.length ? Math.min(...values) : (floor ?? 0)
  let high = values.length ? Math.max(...values) : (ceiling ?? 1)
  if (zero) low = Math.min(0, low)
  if (high - low < 1e-9) {
    // A flat line needs some room around it; a ratio's is a hundredth, or differences that matter would not be seen.
    const room = ceiling === 1 ? 0.01 : Math.abs(high) * 0.1 || 1
    if (!zero) low = Math.max(floor ?? -Infinity, low - room)
    high = Math.min(ceiling ?? Infinity, high + room)
  }
  const ticks = niceTicks(low, high, height < 160 ? 3 : 4)
  return ticks.filter((tick) => tick <= (ceiling ?? Infinity) + 1e-9 && tick >= (floor ?? -Infinity) - 1e-9)
}

/** An SVG path that breaks where nothing was measured. */
export function path(points: readonly Point[], x: (at: number) => number, y: (value: number) => number): string {
  let pen = 'M'
  let d = ''
  for (const [at, value] of points) {
    if (value === null) pen = 'M'
    else {
      d += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`
      pen = 'L'
    }
  }
  return d
}

/** Labels at the line ends are moved apart until each can be read. */
export function spread<Label extends { y: number }>(labels: readonly Label[]): Label[] {
  const sorted = [...labels].sort((a, b) => a.y - b.y).map((label) => ({ ...label }))
  for (let index = 1; index < sorted.length; index += 1) {
    const [above, below] = [sorted[index - 1], sorted[index]]
    if (!above || !below) continue
    const missing = LABEL_GAP - (below.y - above.y)
    if (missing > 0) {
      above.y -= missing / 2
      below.y += missing / 2
    }
  }
  return sorted
}

type Area = { left: number; right: number; top: number; bottom: number }

function bandsIn({ bands, from, until }: PlotInput, x: (at: number) => number, area: Area) {
  let free = area.left
  return bands
    .filter((band) => band.until > from && band.from < until)
    .map((band, index) => {
      const left = x(Math.max(from, band.from))
      const right = x(Math.min(until, band.until))
      const shown = right - left >= 6 && left >= free && left + band.label.length * CHAR_WIDTH < area.right + 24
      if (shown) free = left + band.label.length * CHAR_WIDTH + 12
      return { x: left, width: Math.max(0, right - left), label: shown ? band.label : '', shaded: index % 2 === 1, cut: band.from > from }
    })
}

/** The label stands on the harmless side of the line as far as there is room, clear of the line along its whole length. */
function limitIn(limit: Limit, inside: (point: Point) => boolean, x: (at: number) => number, y: (value: number) => number, area: Area) {
  const points = limit.points.filter(inside)
  const left = area.left + 6
  const heights = points.flatMap(([at, value]) => (value !== null && x(at) <= left + limit.label.length * CHAR_WIDTH ? [y(value)] : []))
  const first = points.find((point) => point[1] !== null)
  if (!first || first[1] === null) return null
  const along = heights.length ? heights : [y(first[1])]
  const [above, below] = [Math.min(...along) - 6, Math.max(...along) + 14]
  const wanted = limit.side === 'below' ? below : above
  const fits = limit.side === 'below' ? below <= area.bottom - 2 : above >= area.top + 10
  return { d: path(points, x, y), label: limit.label, x: left, y: fits ? wanted : limit.side === 'below' ? above : below }
}

function roomy(ticks: TimeTick[], x: (at: number) => number, area: Area) {
  return ticks.map((tick) => ({ ...tick, x: x(tick.at) })).filter((tick) => tick.x >= area.left + 16 && tick.x <= area.right + 1)
}

/** The value of a line at a moment: that of the nearest measured point, if it is near enough to be meant. */
export function valueAt(points: readonly Point[], at: number, within: number): number | null {
  let best: Point | null = null
  for (const point of points) if (!best || Math.abs(point[0] - at) < Math.abs(best[0] - at)) best = point
  return best && Math.abs(best[0] - at) <= within ? best[1] : null
}

/** A small line without axes, with its own vertical scale shared by both versions. */
export function sparkPaths(lines: readonly { points: readonly Point[] }[], width: number, height: number, pad = 4) {
  const all = lines.flatMap((line) => line.points.flatMap(([at, value]) => (value === null ? [] : [{ at, value }])))
  if (!all.length) return lines.map(() => ({ d: '', end: null }))
  const [from, until] = [Math.min(...all.map((point) => point.at)), Math.max(...all.map((point) => point.at))]
  const [low, high] = [Math.min(...all.map((point) => point.value)), Math.max(...all.map((point) => point.value))]
  const room = Math.max(high - low, Math.abs(high) * 0.002) || 1
  const x = (at: number): number => pad + ((at - from) / Math.max(1, until - from)) * (width - 2 * pad)
  const y = (value: number): number => pad + (1 - (value - high + room) / room) * (height - 2 * pad)
  return lines.map(({ points }) => {
    const last = points.findLast((point) => point[1] !== null)
    return { d: path(points, x, y), end: last && last[1] !== null ? { x: x(last[0]), y: y(last[1]) } : null }
  })
}
