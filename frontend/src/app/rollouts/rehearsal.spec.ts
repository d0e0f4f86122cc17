import { flushPromises } from '@vue/test-utils'
import { expect, test } from 'vitest'
import { createFormat } from '@/format'
import { fakePortal } from '@/testing/portal'
import { show } from '@/testing/mount'
import { rollout } from '../../../dev/mock-shop'
import { rehearsalFromApi, shownChange } from './rehearsal'
import RolloutView from './views/RolloutView.vue'

const metric = (name: string, more: object = {}) => ({
  metric: name,
  title: name,
  edge_ms: null,
  is_relative: false,
  smallest_change: 0.0123,
  is_gated: false,
  verdict_seconds: null,
  false_alarms: 0,
  ...more,
})
const step = (weight: number, metrics: object[]) => ({
  weight,
  bake_seconds: 600,
  rps: 5,
  requests: 3000,
  smallest_rise: 0.0123,
  verdict_seconds: 300,
  false_alarms: 0,
  metrics,
})
const ROW = {
  id: 3,
  service: 'order',
  until: '2026-11-11T09:00:00Z',
  window_seconds: 86_400,
  state: 'done' as const,
  progress: 100,
  sentence: 'In 20 rehearsals the judge cried wolf 1 times.',
  runs: 20,
  false_alarms: 1,
  windows: 5760,
  windows_missing: 0,
  compressed: 1,
  is_blind: false,
  steps: [
    step(5, [metric('errors', { is_gated: true, verdict_seconds: 300 }), metric('latency', { is_relative: true, smallest_change: null })]),
    step(100, [metric('errors', { is_gated: true, false_alarms: 1 })]),
  ],
}
const f = createFormat('en', 'UTC')

test('a metric that a step does not compare has no figure there', () => {
  const found = rehearsalFromApi(ROW as Parameters<typeof rehearsalFromApi>[0])
  expect(found.metrics.map((row) => row.steps.map((seen) => seen && shownChange(seen, f)))).toEqual([
    ['1.23\u00a0pp', '1.23\u00a0pp'],
    ['–', null],
  ])
})

test.each([
  ['en', ['gate: 5 min', 'gate: not in time', '1 false alarm', 'nothing']],
  ['zh-Hans', ['卡点：5', '卡点：时间内不够', '1 次误报', '无']],
])('the page of a rollout says of each metric what its steps see: %s', async (locale, said) => {
  fakePortal({
    'GET /api/v1/rollouts/12/': { body: rollout(12, (en) => en) },
    'GET /api/v1/rehearsals/': { body: { next: null, previous: null, results: [ROW] } },
  })
  const page = await show(RolloutView, { id: 12 }, { locale })
  await flushPromises()
  const card = page.get('[aria-labelledby="rehearsal"]').text()
  for (const words of said) expect(card).toContain(words)
})

test('without a rehearsal of the plan there is no card', async () => {
  fakePortal({
    'GET /api/v1/rollouts/12/': { body: rollout(12, (en) => en) },
    'GET /api/v1/rehearsals/': { body: { next: null, previous: null, results: [] } },
  })
  const page = await show(RolloutView, { id: 12 })
  await flushPromises()
  expect(page.find('[aria-labelledby="rehearsal"]').exists()).toBe(false)
})
