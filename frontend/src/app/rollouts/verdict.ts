/** What the judge said, and how it is shown. */
import type { Json, VerdictOutcome, VerdictRow } from '@/api/contract'
import type { IconName } from '@/app/shell/icons'
import { instant } from '@/format'
import type { Tone } from './rollout'

export type { VerdictOutcome }
export type Verdict = ReturnType<typeof verdictFromApi>

export function verdictFromApi(row: VerdictRow) {
  return {
    id: row.id,
    at: instant(row.at) ?? 0,
    step: row.step ?? null,
    outcome: row.outcome,
    metric: row.metric ?? '',
    rule: row.rule,
    sentence: row.sentence,
    numbers: row.numbers,
    slowBeyondMs: slowBeyond(row.numbers),
  }
}

/** The latency beyond which the judge counts a request as slow: one in a hundred of the stable version's is. */
function slowBeyond(numbers: Record<string, Json>): number | null {
  const judged = Array.isArray(numbers.metrics) ? (numbers.metrics as Record<string, Json>[]) : []
  const edge = judged.find((one) => one.metric === 'slow_1')?.edge_ms
  return typeof edge === 'number' ? edge : null
}

export const OUTCOME_TONE = { pass: 'pass', fail: 'fail', inconclusive: 'wait', no_data: 'none' } satisfies Record<VerdictOutcome, Tone>

export const OUTCOME_ICON = { pass: 'check', fail: 'cross', inconclusive: 'half', no_data: 'nodata' } satisfies Record<
  VerdictOutcome,
  IconName
>

export const OUTCOME_LABEL = {
  pass: 'verdict.pass',
  fail: 'verdict.fail',
  inconclusive: 'verdict.inconclusive',
  no_data: 'verdict.no_data',
} satisfies Record<VerdictOutcome, string>

/** What the newest look concluded, worst first. A verdict speaks for all metrics; what an older one said of another is over. */
export function latestVerdicts(verdicts: readonly Verdict[]): Verdict[] {
  const rank = { fail: 0, inconclusive: 1, no_data: 2, pass: 3 } satisfies Record<VerdictOutcome, number>
  const newest = Math.max(...verdicts.map((verdict) => verdict.at))
  return verdicts.filter((verdict) => verdict.at === newest).sort((a, b) => rank[a.outcome] - rank[b.outcome])
}

/** Neighbours that say the same of the same step become one row with a count, newest first. */
export function runs(verdicts: readonly Verdict[]): { verdict: Verdict; count: number; since: number }[] {
  const rows: { verdict: Verdict; count: number; since: number }[] = []
  for (const verdict of [...verdicts].sort((a, b) => b.at - a.at || b.id - a.id)) {
    const last = rows.at(-1)
    const same =
      last && last.verdict.outcome === verdict.outcome && last.verdict.metric === verdict.metric && last.verdict.step === verdict.step
    if (same) {
      last.count += 1
      last.since = verdict.at
    } else rows.push({ verdict, count: 1, since: verdict.at })
  }
  return rows
}

/** Numbers as `name value` pairs for the log; nested ones are flattened with a dot. */
export function numberRows(numbers: Record<string, Json>, prefix = ''): { name: string; value: number | string }[] {
  return Object.entries(numbers).flatMap(([key, value]) => {
    const name = prefix + key
    if (typeof value === 'number' || typeof value === 'string') return [{ name, value }]
    if (value && typeof value === 'object' && !Array.isArray(value)) return numberRows({ ...value }, `${name}.`)
    return []
  })
}
