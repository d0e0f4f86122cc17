/** A plan played over the recorded past: what each step can see of each metric before anybody approves. */
import type { RehearsalRow } from '@/api/contract'
import type { Format } from '@/format'

export type Rehearsal = ReturnType<typeof rehearsalFromApi>
export type Forecast = NonNullable<Rehearsal['metrics'][number]['steps'][number]>

type MetricRow = NonNullable<RehearsalRow['steps']>[number]['metrics'][number]

export function rehearsalFromApi(row: RehearsalRow) {
  const steps = row.steps ?? []
  const named = new Map(steps.flatMap((step) => step.metrics.map((metric) => [metric.metric, metric.title] as const)))
  return {
    id: row.id,
    isOpen: row.state === 'waiting' || row.state === 'running',
    progress: row.progress ?? 0,
    sentence: row.sentence,
    isBlind: row.is_blind ?? false,
    weights: steps.map((step) => step.weight),
    /** Metric by metric over the steps; null where a step compares nothing. */
    metrics: [...named].map(([metric, title]) => ({
      metric,
      title,
      steps: steps.map((step) => forecast(step.metrics.find((one) => one.metric === metric))),
    })),
  }
}

function forecast(row: MetricRow | undefined) {
  if (!row) return null
  return {
    change: row.smallest_change,
    isRelative: row.is_relative,
    isGated: row.is_gated,
    verdictSeconds: row.verdict_seconds,
    falseAlarms: row.false_alarms,
  }
}

/** The smallest harm in the metric's own unit: points of a ratio, or percent of the stable version's figure. */
export function shownChange(forecast: Forecast, f: Format): string {
  if (forecast.change === null) return '–'
  const percent = f.digits(100 * forecast.change, 2, 2)
  return forecast.isRelative ? `${percent}\u00a0%` : `${percent}\u00a0pp`
}
