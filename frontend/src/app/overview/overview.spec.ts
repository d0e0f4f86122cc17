import { describe, expect, test } from 'vitest'
import type { OverviewRow, OverviewServiceRow } from '@/api/contract'
import { rolloutDetailFromApi } from '@/app/rollouts/rollout'
import { schedule } from '@/app/rollouts/schedule'
import { rollout, SERVICES } from '../../../dev/mock-shop'
import { filtered, overviewFromApi, somethingMoves, statusOf, told } from './overview'
import { strip } from './strip'

const say = (en: string): string => en
const raw = (id: number) => rollout(id, say) ?? null

function serviceRow(index: number, live: number | null, last: number | null = null): OverviewServiceRow {
  const service = SERVICES[index]
  if (!service) throw new Error('no such service')
  const traffic = {
    declared: { v1: 100 },
    configured: { v1: 100 },
    observed: null,
    requests: null,
    observed_seconds: 60,
    sticky: null,
    matched: true,
    problem: '',
  }
  const metrics = { v1: { success_ratio: 0.999, rps: 12, p95_ms: null } }
  return {
    service,
    stable: service.stable,
    candidate: live ? (raw(live)?.candidate ?? null) : null,
    traffic,
    rollout: live ? raw(live) : null,
    last_rollout: last ? raw(last) : null,
    metrics,
    spark: {
      v1: [
        [60, 0.99],
        [120, 0.999],
      ],
    },
  }
}

function overview(changes: Partial<OverviewRow> = {}) {
  const attention: OverviewRow['attention'] = [
    { kind: 'drift', severity: 'hold', service: 2, rollout: 12, title: 'order', text: '', action: { label: 'Look', href: '/rollouts/12' } },
  ]
  return overviewFromApi({
    generated_at: '2026-11-10T04:00:00Z',
    time_zone: 'Asia/Shanghai',
    services: [serviceRow(0, null, 5), serviceRow(2, 10, 7), serviceRow(1, 12)],
    attention,
    health: [],
    ...changes,
  })
}

describe('overview', () => {
  test('what needs somebody comes first, then what is live, then the rest', () =>
    expect(overview().services.map((service) => service.name)).toEqual(['order', 'payment', 'product']))

  test('filters go by words and by what is shown', () => {
    expect(filtered(overview(), 'shop v2', 'all').map((service) => service.name)).toEqual(['order', 'payment'])
    expect(filtered(overview(), '支付', 'all').map((service) => service.name)).toEqual(['payment'])
    expect(filtered(overview(), '', 'attention').map((service) => service.name)).toEqual(['order'])
    expect(filtered(overview(), '', 'live')).toHaveLength(2)
  })

  test('polling is fast only while something moves', () => {
    expect(somethingMoves(overview())).toBe(true)
    expect(somethingMoves(overview({ services: [serviceRow(0, null)] }))).toBe(false)
  })

  test('a service without a rollout has nothing to judge', () => expect(statusOf(null).label).toBe('overview.nothing_to_judge'))
  test('drift outweighs the verdict', () => expect(statusOf(overview().services[0]?.rollout ?? null).label).toBe('state.drifted'))
  test('a running rollout shows its verdict', () =>
    expect(statusOf(overview().services[1]?.rollout ?? null).label).toBe('verdict.inconclusive'))

  test('a rollback is told for a day', () => {
    const [service] = overviewFromApi({
      generated_at: '',
      time_zone: '',
      services: [serviceRow(2, null, 7)],
      attention: [],
      health: [],
    }).services
    const ended = service?.last?.endedAt ?? 0
    expect(service && told(service, ended + 3_600_000)?.number).toBe('R-7')
    expect(service && told(service, ended + 90_000_000)).toBeNull()
  })

  test('a figure nobody measured is null, not zero', () =>
    expect(overview().services[0]?.stable).toEqual({ success: 0.999, rps: 12, p95: null }))
})

describe('strip of coming steps', () => {
  const now = Date.now()
  const plans = [10, 11, 12].map((id) => {
    const known = rolloutDetailFromApi(
      raw(id) ??
        (() => {
          throw new Error('gone')
        })(),
    )
    return { rollout: known, steps: schedule(known, now) }
  })
  const drawn = strip(plans, now, 640, 0)

  test('bars lie inside the width, behind the names', () => {
    for (const bar of drawn.rows.flatMap((row) => row.bars)) {
      expect(bar.x).toBeGreaterThan(90)
      expect(bar.x + bar.width).toBeLessThanOrEqual(640)
    }
  })
  test('what waits for a person is not drawn as certain', () => expect(drawn.rows[2]?.bars.every((bar) => !bar.certain)).toBe(true))
  test('plans of seconds fill the axis, however long the last step is held', () => {
    const known = plans[0]
    if (!known) throw new Error('gone')
    const at = (from: number, until: number, kind: 'now' | 'planned') => ({
      ...step,
      from: now + from,
      until: now + until,
      kind,
      certain: true,
    })
    const step = known.steps[0] as (typeof known.steps)[number]
    const steps = [at(-5_000, 10_000, 'now'), at(10_000, 25_000, 'planned'), at(25_000, 3_600_000, 'planned')]
    const bars = strip([{ rollout: known.rollout, steps }], now, 640, 0).rows[0]?.bars ?? []
    expect(bars).toHaveLength(3)
    for (const bar of bars) expect(bar.width).toBeGreaterThan(100)
  })
  test('the present stands near the left', () => expect(drawn.nowX).toBeLessThan(160))
})
