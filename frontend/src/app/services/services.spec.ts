import { describe, expect, test } from 'vitest'
import { rolloutDetailFromApi } from '@/app/rollouts/rollout'
import { createFormat } from '@/format'
import { rollout, SERVICES } from '../../../dev/mock-shop'
import { compare, stepBands } from './compare'
import { askedOf, secondsOf, settled, stepOf, windowOf } from './ranges'
import { linesOf, linksOf, metricFromApi, seriesFromApi, serviceFromApi, withGaps } from './service'

const NAMES = { stable: 'v1', candidate: 'v2' }
const words = {
  t: (key: string, params?: Record<string, unknown>) => `${key} ${JSON.stringify(params ?? {})}`,
  f: createFormat('en', 'UTC'),
}
const points = (value: number): number[][] => [
  [0, value],
  [15, value],
  [30, value],
]
const series = seriesFromApi({
  step: 15,
  versions: {
    v1: { success_ratio: points(0.999), p95_ms: points(80), p99_ms: points(200), payment_success_ratio: points(0.976) },
    v2: { success_ratio: points(0.998), p95_ms: points(90), p99_ms: points(210) },
  },
})
const metric = metricFromApi({ id: 1, name: 'errors', title: 'Errors', kind: 'ratio', margin: 0.005 })
const live = rolloutDetailFromApi(
  rollout(10, (en) => en) ??
    (() => {
      throw new Error('gone')
    })(),
)

describe('series', () => {
  test('what was not measured leaves a gap', () =>
    expect(
      withGaps(
        [
          [0, 1],
          [15, 2],
          [90, 3],
        ],
        15_000,
      ),
    ).toEqual([
      [0, 1],
      [15_000, 2],
      [30_000, null],
      [90_000, 3],
    ]))
  test('stable comes first, and one version is not drawn twice', () => {
    expect(linesOf(series, 'success_ratio', NAMES).map((line) => line.role)).toEqual(['stable', 'candidate'])
    expect(linesOf(series, 'success_ratio', { stable: 'v1', candidate: 'v1' })).toHaveLength(1)
  })
})

describe('sample sizes', () => {
  const rates = seriesFromApi({ step: 15, versions: { v1: { rps: points(2), p95_ms: points(80) } } })
  const note = (from: number): string | undefined =>
    compare(rates, NAMES, { metrics: [], slowBeyondMs: null }, words, { from, until: 30_000 }).find((chart) => chart.key === 'p95_ms')?.note
  test('only what is on show is counted', () => {
    expect(note(0)).toContain('"n":"90"')
    expect(note(20_000)).toContain('"n":"30"')
  })
})

describe('charts', () => {
  const charts = compare(series, NAMES, { metrics: [metric], slowBeyondMs: 250 }, words, { from: 0, until: 30_000 })

  test('business figures only where the service has them, the mesh’s always', () => {
    const keys = ['payment_success_ratio', 'success_ratio', 'error_ratio', 'p50_ms', 'p95_ms', 'p99_ms', 'rps']
    expect(charts.map((chart) => chart.key)).toEqual(keys)
  })
  test('a metric of the service’s own comes first, under its title and in its unit', () => {
    const brought = seriesFromApi({ step: 15, versions: { v1: { basket: points(31.5), refunds: points(0.02) } } })
    const metrics = [
      metricFromApi({ id: 2, name: 'basket', title: 'Basket', kind: 'mean', unit: 'EUR' }),
      metricFromApi({ id: 3, name: 'refunds', title: '', kind: 'ratio' }),
      metricFromApi({ id: 4, name: 'unmeasured', title: 'Unmeasured', kind: 'count' }),
    ]
    const [basket, refunds, ...usual] = compare(brought, NAMES, { metrics, slowBeyondMs: null }, words, { from: 0, until: 30_000 })
    expect([basket?.title, basket?.show(31.5), basket?.unit]).toEqual(['Basket', '31.5 EUR', 'EUR'])
    expect([refunds?.title, refunds?.show(0.02)]).toEqual(['refunds', '2.00\u00a0%'])
    expect(usual.some((chart) => chart.key === 'unmeasured')).toBe(false)
  })
  test('the limit goes with the stable version by the metric’s margin', () => {
    const limit = charts.find((chart) => chart.key === 'success_ratio')?.limit
    expect(limit?.side).toBe('below')
    expect(limit?.points[0]?.[1]).toBeCloseTo(0.994)
  })
  test('without a margin there is no limit', () => expect(charts.find((chart) => chart.key === 'p95_ms')?.limit).toBeNull())
  test('p99 has the edge that the newest verdict counted slow requests by', () =>
    expect(charts.find((chart) => chart.key === 'p99_ms')?.limit?.points.map((point) => point[1])).toEqual([250, 250, 250]))
  test('ratios are shown in percent on the axis', () =>
    expect(charts.find((chart) => chart.key === 'success_ratio')?.tick(0.9992, 4)).toBe('99.92'))
})

describe('bands', () => {
  test('each step is a band, with what came before', () => {
    const range = { from: (live.startedAt ?? 0) - 1000, until: Date.now() }
    const bands = stepBands(live, range, words)
    expect(bands.map((band) => band.label.replace(/\u00a0/g, ' '))).toEqual(['figure.before {}', '1 %', '5 %', '20 %'])
    bands.slice(1).forEach((band, index) => expect(band.from).toBe(bands[index]?.until))
  })
  test('without a rollout there are none', () => expect(stepBands(null, { from: 0, until: 1 }, words)).toEqual([]))
})

describe('ranges', () => {
  test('a chart has points for the width it may have', () => {
    for (const seconds of [120, 900, 3600, 86_400, 604_800]) expect(seconds / stepOf(seconds)).toBeLessThanOrEqual(170)
  })
  test('a growing rollout does not ask a new question each second', () => {
    const at = (seconds: number): number => settled(secondsOf('rollout', { startedAt: 0 }, seconds * 1000))
    expect(at(1001)).toBe(at(1002))
    expect(at(1001)).toBeGreaterThan(1001)
  })
  test('no range is longer than the API keeps', () => expect(settled(secondsOf('rollout', { startedAt: 0 }, 1e12))).toBe(604_800))
  test('a rollout that ended is shown with a margin on both sides', () => {
    const window = windowOf('rollout', { startedAt: 1_000_000, endedAt: 2_000_000 }, 9_000_000)
    expect(window.from).toBeLessThan(1_000_000)
    expect(window.until).toBeGreaterThan(2_000_000)
    expect(window.until).toBeLessThan(3_000_000)
  })
  test('a rollout that ended weeks ago is asked for as finely as on its day', () => {
    const day = 86_400_000
    const asked = askedOf('rollout', { startedAt: day, endedAt: day + 300_000 }, 30 * day)
    expect(asked.step).toBe(5)
    expect(asked.until).toBeGreaterThan(86_700)
    expect(asked.until).toBeLessThan(86_800)
    expect(asked.seconds).toBeLessThan(400)
  })
})

describe('links', () => {
  const service = serviceFromApi(
    SERVICES[2] ??
      (() => {
        throw new Error('gone')
      })(),
  )
  const cluster = {
    id: 1,
    name: 'lab',
    prometheus_url: 'http://p',
    grafana_url: 'https://g.example.com/graf',
    kiali_url: 'https://k.example.com/kiali/',
  }
  test('Grafana and Kiali open with everything filled in', () => {
    const { grafana, kiali } = linksOf(cluster, service, NAMES, { from: 1000, until: 61_000 })
    expect(grafana).toBe(
      'https://g.example.com/graf/d/weir-compare/weir-compare?from=1000&to=61000&var-namespace=shop&var-service=payment&var-stable=v1&var-candidate=v2',
    )
    expect(kiali).toBe('https://k.example.com/kiali/console/namespaces/shop/services/payment?duration=60&tab=metrics')
  })
  test('a cluster without them has no links', () =>
    expect(linksOf({ ...cluster, grafana_url: '', kiali_url: '' }, service, NAMES, { from: 0, until: 1 })).toEqual({
      grafana: null,
      kiali: null,
    }))
})
