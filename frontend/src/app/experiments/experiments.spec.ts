import { flushPromises } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import { createFormat } from '@/format'
import { show } from '@/testing/mount'
import { fakePortal } from '@/testing/portal'
import { experimentFromApi, leader, shownDifference, shownValue } from './experiment'
import ExperimentsView from './views/ExperimentsView.vue'
import ExperimentView from './views/ExperimentView.vue'

const f = createFormat('en', 'UTC')
const over = [0, 1, 2].map((minute) => ({ at: `2026-11-11T09:0${minute}:00Z`, difference: 0.01, low: 0.002, high: 0.018 }))
const ROW = {
  id: 7,
  number: 'R-7',
  service: 'product',
  shadow: false,
  stable: 'v1',
  candidate: 'v2',
  state: 'running',
  started_at: '2026-11-11T09:00:00Z',
  choice: 'open' as const,
  sentence: 'Not decided yet.',
  seconds: 600,
  rule: { kpi: 'conversion', minimum_effect: 0.02, maximum_seconds: 86_400, on_tie: 'stable' as const },
  assignment: { stable: 10_000, candidate: 9_900, declared: 0.5, share: 0.4975, low: 0.49, high: 0.505, is_sound: true },
  kpis: [
    {
      name: 'conversion',
      title: 'Conversion',
      a: 0.05,
      b: 0.06,
      count_a: 10_000,
      count_b: 9_900,
      difference: 0.01,
      low: 0.002,
      high: 0.018,
      over_time: over,
    },
    {
      name: 'dwell',
      title: 'Dwell time',
      a: 14,
      b: 13.5,
      count_a: 3_000,
      count_b: 2_900,
      difference: -0.5,
      low: -1.2,
      high: 0.2,
      over_time: [],
    },
  ],
}

describe('what an experiment says', () => {
  const [conversion, dwell] = experimentFromApi(ROW).kpis
  test('a share is told in percent and its difference in points, anything else in its unit', () => {
    expect(shownValue({ name: 'conversion' }, 0.05, f)).toBe('5.00\u00a0%')
    expect(shownDifference({ name: 'conversion' }, 0.01, f)).toBe('+1.00 pp')
    expect(shownDifference({ name: 'dwell' }, -0.5, f)).toBe('-0.50')
    expect(shownValue({ name: 'dwell' }, null, f)).toBe('–')
  })
  test('an interval that holds zero names no leader', () => {
    expect(leader(conversion as NonNullable<typeof conversion>)).toBe('b')
    expect(leader(dwell as NonNullable<typeof dwell>)).toBeNull()
  })
})

describe('the pages', () => {
  test('the list leads to each experiment with its decision in words', async () => {
    fakePortal({ 'GET /api/v1/experiments/': { body: { next: null, previous: null, results: [ROW] } } })
    const page = await show(ExperimentsView)
    await flushPromises()
    expect(page.get('a').attributes('href')).toBe('/experiments/7')
    expect(page.text()).toContain('not decided')
  })
  test.each([true, false])('the list says shadow mode where a decision could be taken for a deed: %s', async (shadow) => {
    fakePortal({ 'GET /api/v1/experiments/': { body: { next: null, previous: null, results: [{ ...ROW, shadow }] } } })
    const page = await show(ExperimentsView, {}, { locale: 'zh-Hans' })
    await flushPromises()
    expect(page.text().includes('影子模式')).toBe(shadow)
  })
  test('one experiment shows the split, both means, the difference with its interval, and the rule', async () => {
    fakePortal({ 'GET /api/v1/experiments/7/': { body: ROW } })
    const page = await show(ExperimentView, { id: 7 })
    await flushPromises()
    expect(page.text()).toContain('assignment sound')
    expect(page.text()).toContain('+0.20 pp … +1.80 pp')
    expect(page.text()).toContain('decides')
  })
  test('in shadow mode it says that nothing is done by it', async () => {
    fakePortal({ 'GET /api/v1/experiments/7/': { body: { ...ROW, shadow: true } } })
    const page = await show(ExperimentView, { id: 7 })
    await flushPromises()
    expect(page.get('[role="note"]').text()).toContain('Shadow mode. Verdicts are recorded and shown')
  })
  test('a void experiment is said loudly, in Chinese too', async () => {
    fakePortal({
      'GET /api/v1/experiments/7/': {
        body: { ...ROW, choice: 'void', sentence: '实验作废。', assignment: { ...ROW.assignment, is_sound: false } },
      },
    })
    const page = await show(ExperimentView, { id: 7 }, { locale: 'zh-Hans' })
    await flushPromises()
    expect(page.get('[role="alert"]').text()).toBe('实验作废。')
    expect(page.text()).toContain('分流损坏')
  })
})
