/** The strip of coming steps: rows of bars on one time axis, long enough for the last beginning that is planned, at most a week. */
import { timeTicks, type TimeTick } from '@/app/charts/scale'
import type { RolloutPage } from '@/app/rollouts/rollout'
import type { ScheduledStep } from '@/app/rollouts/schedule'

const MINUTE = 60_000
const LONGEST = 7 * 24 * 60 * MINUTE
const SHORTEST = 20_000
/** The last step is seen to begin; how long it is held beyond that is not worth squeezing all others. */
const BEYOND = 1.35
const ROW = 34
const TOP = 28
const BOTTOM = 28

export interface StripBar {
  key: number
  x: number
  width: number
  weight: number
  label: boolean
  certain: boolean
}

export function strip(
  plans: readonly { rollout: RolloutPage; steps: readonly ScheduledStep[] }[],
  now: number,
  width: number,
  offsetMs: number,
) {
  const left = Math.min(96, width * 0.26)
  const span = Math.min(LONGEST, Math.max(SHORTEST, ahead(plans, now)))
  const [from, until] = [now - span * 0.06, now + span * 1.02]
  const x = (at: number): number => left + ((Math.min(until, Math.max(from, at)) - from) / (until - from)) * (width - left)

  const rows = plans.map(({ rollout, steps }, index) => ({
    id: rollout.id,
    label: rollout.service.name,
    y: TOP + index * ROW,
    bars: steps.flatMap((row): StripBar[] => {
      if (row.kind === 'done' || row.kind === 'never' || row.from === null) return []
      const start = x(row.from)
      const end = x(row.until ?? until)
      const certain = row.kind === 'now' ? row.until !== null : row.certain
      return end - start < 1
        ? []
        : [
            {
              key: row.step.position,
              x: start + 1,
              width: end - start - 2,
              weight: rollout.weights[row.step.position] ?? row.step.weight,
              label: end - start > 48,
              certain,
            },
          ]
    }),
  }))
  const ticks: (TimeTick & { x: number })[] = timeTicks(from, until, Math.max(2, Math.floor((width - left) / 96)), offsetMs)
    .map((tick) => ({ ...tick, x: Math.round(x(tick.at)) + 0.5 }))
    .filter((tick) => tick.x > left + 12 && tick.x < width - 20)
  return { rows, ticks, nowX: Math.round(x(now)) + 0.5, height: TOP + plans.length * ROW + BOTTOM }
}

function ahead(plans: readonly { steps: readonly ScheduledStep[] }[], now: number): number {
  const coming = plans.flatMap(({ steps }) => steps.filter((step) => step.kind === 'planned' || step.kind === 'now'))
  const begins = coming.flatMap((step) => (step.from !== null && step.from > now ? [step.from - now] : []))
  const ends = coming.flatMap((step) => (step.until !== null && step.until > now ? [step.until - now] : []))
  return begins.length ? Math.min(BEYOND * Math.max(...begins), Math.max(...ends)) : Math.max(0, ...ends)
}
