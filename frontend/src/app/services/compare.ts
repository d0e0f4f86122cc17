/** The charts that compare two versions, as pure data: which figures, in which unit, with which limit. */
import { shifted, smoothed, type ChartSpec } from '@/app/charts/chart'
import type { Band, Limit, Line } from '@/app/charts/plot'
import type { RolloutPage } from '@/app/rollouts/rollout'
import type { Names } from '@/app/traffic/traffic'
import type { Format } from '@/format'
import { FIGURES, KPIS, linesOf, type Figure, type Metric, type Series } from './service'

type Translate = (key: string, params?: Record<string, unknown>) => string

const TITLE = {
  success_ratio: 'figure.success_ratio',
  error_ratio: 'figure.error_ratio',
  p50_ms: 'figure.p50_ms',
  p95_ms: 'figure.p95_ms',
  p99_ms: 'figure.p99_ms',
  rps: 'figure.rps',
  payment_success_ratio: 'figure.payment_success_ratio',
  conversions_per_second: 'figure.conversions_per_second',
  dwell_mean_seconds: 'figure.dwell_mean_seconds',
} satisfies Record<Figure, string>

const NOTE = {
  success_ratio: 'figure.note.success_ratio',
  error_ratio: 'figure.note.error_ratio',
  p50_ms: 'figure.note.p50_ms',
  p95_ms: 'figure.note.p95_ms',
  p99_ms: 'figure.note.p99_ms',
  rps: 'figure.note.rps',
  payment_success_ratio: 'figure.note.payment_success_ratio',
  conversions_per_second: 'figure.note.conversions_per_second',
  dwell_mean_seconds: 'figure.note.dwell_mean_seconds',
} satisfies Record<Figure, string>

type Kind = 'ratio' | 'ms' | 'rate' | 'seconds'
const KIND = {
  success_ratio: 'ratio',
  error_ratio: 'ratio',
  p50_ms: 'ms',
  p95_ms: 'ms',
  p99_ms: 'ms',
  rps: 'rate',
  payment_success_ratio: 'ratio',
  conversions_per_second: 'rate',
  dwell_mean_seconds: 'seconds',
} satisfies Record<Figure, Kind>

const UNIT = { ratio: 'unit.percent', ms: 'unit.ms', rate: 'unit.per_second', seconds: 'unit.seconds' } satisfies Record<Kind, string>

/** Which metric of the catalogue judges which figure; the first word of its name that is known decides. */
const JUDGED_BY: Partial<Record<Figure, RegExp>> = {
  success_ratio: /^(errors?|success)/,
  error_ratio: /^(errors?|success)/,
  payment_success_ratio: /^payment/,
  p95_ms: /^p95/,
  p99_ms: /^p99/,
  p50_ms: /^p50/,
}

const OF_REQUESTS: readonly Figure[] = ['success_ratio', 'error_ratio', 'p50_ms', 'p95_ms', 'p99_ms']
const KPI_ORDER: readonly Figure[] = KPIS
const ALL: readonly Figure[] = [...KPIS, ...FIGURES]
/** Points to each side that a limit is smoothed over. */
const REACH = 4

export interface Words {
  t: Translate
  f: Format
}

/** The part of the time that is drawn, in ms. */
export interface Shown {
  from: number
  until: number
}

/** What decides: the margins of the catalogue, and the edge that the newest verdict counted slow requests by, in ms. */
export interface Judged {
  metrics: readonly Metric[]
  slowBeyondMs: number | null
}

/** Every figure the service has, business figures first, in reading order. */
export function compare(series: Series, names: Names, judged: Judged, words: Words, shown: Shown): ChartSpec[] {
  const requests = counted(series, names, words, shown)
  const own = judged.metrics.filter((metric) => !ALL.some((figure) => figure === metric.name))
  const charts = own.flatMap((metric) => ownChart(metric, linesOf(series, metric.name, names), words))
  const usual = ALL.flatMap((figure) => {
    const lines = linesOf(series, figure, names)
    if (!lines.length && KPI_ORDER.includes(figure)) return []
    const chart = chartOf(figure, lines, judged, words)
    return [OF_REQUESTS.includes(figure) ? { ...chart, note: [chart.note, requests].filter(Boolean).join(' · ') } : chart]
  })
  return [...charts, ...usual]
}

/** A metric that the service brought along by query templates: under its own title, in its own unit. */
function ownChart(metric: Metric, lines: Line[], { t, f }: Words): ChartSpec[] {
  if (!lines.length) return []
  const ratio = metric.kind === 'ratio'
  const per = metric.kind === 'count' || metric.kind === 'rate'
  return [
    {
      key: metric.name,
      title: metric.title || metric.name,
      unit: ratio ? t(UNIT.ratio) : per ? t(UNIT.rate) : metric.unit,
      lines,
      limit: null,
      ...(ratio ? { floor: 0, ceiling: 1 } : { floor: 0, zero: true }),
      show: ratio ? (value) => f.ratio(value) : per ? show('rate', { t, f }) : (value) => `${f.digits(value, 0, 2)} ${metric.unit}`.trim(),
      tick: (value, decimals) =>
        ratio ? f.digits(value * 100, Math.max(0, decimals - 2), Math.max(0, decimals - 2)) : f.digits(value, 0, decimals),
      note: t('figure.note.own'),
    },
  ]
}

/** How many requests the figures on show rest on, each version for itself: rates times the time they stand for. */
function counted(series: Series, names: Names, { t, f }: Words, { from, until }: Shown): string {
  return linesOf(series, 'rps', names)
    .map((line) => {
      const shown = line.points.filter(([at]) => at >= from && at <= until)
      const count = shown.reduce((sum, [, rate]) => sum + ((rate ?? 0) * series.stepMs) / 1000, 0)
      return t('figure.requests', { name: line.name, n: f.count(Math.round(count)) })
    })
    .join(', ')
}

function chartOf(figure: Figure, lines: Line[], judged: Judged, { t, f }: Words): ChartSpec {
  const kind: Kind = KIND[figure]
  const ratio = kind === 'ratio'
  return {
    key: figure,
    title: t(TITLE[figure]),
    unit: t(UNIT[kind]),
    lines,
    limit: limitOf(figure, lines, judged, { t, f }),
    ...(ratio ? { floor: 0, ceiling: 1 } : { floor: 0, zero: true }),
    show: show(kind, { t, f }),
    tick: (value, decimals) =>
      ratio ? f.digits(value * 100, Math.max(0, decimals - 2), Math.max(0, decimals - 2)) : f.digits(value, 0, decimals),
    note: t(NOTE[figure]),
  }
}

function show(kind: Kind, { t, f }: Words): (value: number) => string {
  switch (kind) {
    case 'ratio':
      return (value) => f.ratio(value)
    case 'ms':
      return f.ms
    case 'rate':
      return (value) => t('unit.rate', { n: f.rate(value) })
    case 'seconds':
      return (value) => t('time.s', { n: f.digits(value, 0, 1) })
  }
}

/** The candidate is judged against the stable version at the same moment, so the limit moves with it. */
function limitOf(figure: Figure, lines: readonly Line[], { metrics, slowBeyondMs }: Judged, { t, f }: Words): Limit | null {
  const stable = lines.find((line) => line.role === 'stable')
  const pattern = JUDGED_BY[figure]
  const metric = pattern && metrics.find((known) => pattern.test(known.name))
  if (!stable || lines.length < 2) return null
  if (figure === 'p99_ms' && slowBeyondMs !== null) {
    const label = t('figure.limit.slow', { edge: f.ms(slowBeyondMs) })
    return { points: shifted(stable.points, () => slowBeyondMs), side: 'above', label }
  }
  if (!metric?.margin) return null
  const points = smoothed(stable.points, REACH)
  if (KIND[figure] === 'ratio') {
    const below = figure !== 'error_ratio'
    const label = t(below ? 'figure.limit.below' : 'figure.limit.above', {
      points: f.digits(metric.margin * 100, 0, 2),
      stable: stable.name,
    })
    return {
      points: shifted(points, (value) => (below ? value - metric.margin : value + metric.margin)),
      side: below ? 'below' : 'above',
      label,
    }
  }
  const label = t('figure.limit.slower', { percent: f.percent(metric.margin * 100), stable: stable.name })
  return { points: shifted(points, (value) => value * (1 + metric.margin)), side: 'above', label }
}

/** Each step as a band of the time axis, and what came before the first. */
export function stepBands(rollout: Pick<RolloutPage, 'steps' | 'endedAt' | 'startedAt'> | null, range: Shown, { t, f }: Words): Band[] {
  const begun = (rollout?.steps ?? []).filter((step) => step.startedAt !== null)
  const first = begun[0]?.startedAt
  if (!first) return []
  const bands: Band[] = first > range.from ? [{ from: range.from, until: first, label: t('figure.before') }] : []
  begun.forEach((step, index) => {
    const until = begun[index + 1]?.startedAt ?? step.endedAt ?? rollout?.endedAt ?? range.until
    bands.push({ from: step.startedAt ?? 0, until, label: f.percent(step.written ?? step.weight) })
  })
  const end = bands.at(-1)?.until ?? range.until
  if (end < range.until) bands.push({ from: end, until: range.until, label: t('figure.after') })
  return bands
}
