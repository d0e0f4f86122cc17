/** An A/B test: who got what, what the difference is, and what the rule makes of it. */
import type { ExperimentRow } from '@/api/contract'
import type { IconName } from '@/app/shell/icons'
import type { Tone } from '@/app/rollouts/rollout'
import { instant, type Format } from '@/format'

export type Choice = ExperimentRow['choice']
export type Experiment = ReturnType<typeof experimentFromApi>
export type Kpi = Experiment['kpis'][number]

export const CHOICE_TONE = { open: 'wait', candidate: 'pass', stable: 'none', void: 'fail' } satisfies Record<Choice, Tone>
export const CHOICE_ICON = { open: 'half', candidate: 'check', stable: 'undo', void: 'cross' } satisfies Record<Choice, IconName>
export const CHOICE_LABEL = {
  open: 'experiments.choice.open',
  candidate: 'experiments.choice.candidate',
  stable: 'experiments.choice.stable',
  void: 'experiments.choice.void',
} satisfies Record<Choice, string>

export function experimentFromApi(row: ExperimentRow) {
  return {
    id: row.id,
    number: row.number,
    service: row.service,
    shadow: row.shadow,
    names: { a: row.stable, b: row.candidate },
    choice: row.choice,
    sentence: row.sentence,
    seconds: row.seconds,
    startedAt: instant(row.started_at),
    rule: {
      kpi: row.rule.kpi ?? 'conversion',
      minimumEffect: row.rule.minimum_effect ?? 0,
      maximumSeconds: row.rule.maximum_seconds ?? 0,
      onTie: row.rule.on_tie ?? 'stable',
    },
    assignment: row.assignment && {
      a: row.assignment.stable,
      b: row.assignment.candidate,
      declared: row.assignment.declared,
      share: row.assignment.share,
      interval: pair(row.assignment.low, row.assignment.high),
      isSound: row.assignment.is_sound,
    },
    kpis: row.kpis.map((kpi) => ({
      name: kpi.name,
      title: kpi.title,
      a: kpi.a,
      b: kpi.b,
      counts: { a: kpi.count_a, b: kpi.count_b },
      difference: kpi.difference,
      interval: pair(kpi.low, kpi.high),
      overTime: kpi.over_time.map((one) => ({ at: instant(one.at) ?? 0, difference: one.difference, low: one.low, high: one.high })),
    })),
  }
}

function pair(low: number | null | undefined, high: number | null | undefined): { low: number; high: number } | null {
  return low == null || high == null ? null : { low, high }
}

/** Conversions are shares of requests, everything else is told in its own unit. */
export const isShare = (kpi: Pick<Kpi, 'name'>): boolean => kpi.name === 'conversion'

export function shownValue(kpi: Pick<Kpi, 'name'>, value: number | null, f: Format): string {
  if (value === null) return '–'
  return isShare(kpi) ? f.ratio(value) : f.digits(value, 2, 2)
}

/** A difference with its sign; shares in percentage points. */
export function shownDifference(kpi: Pick<Kpi, 'name'>, value: number | null, f: Format): string {
  if (value === null) return '–'
  const sign = value > 0 ? '+' : ''
  return sign + (isShare(kpi) ? `${f.digits(100 * value, 2, 2)} pp` : f.digits(value, 2, 2))
}

/** Which side the interval leaves in the running: it excludes zero, or it does not. */
export function leader(kpi: Kpi): 'a' | 'b' | null {
  if (!kpi.interval) return null
  if (kpi.interval.low > 0) return 'b'
  return kpi.interval.high < 0 ? 'a' : null
}
