import { describe, expect, test } from 'vitest'
import { button, show } from '@/testing/mount'
import type { ChartSpec } from './chart'
import TimeChart from './TimeChart.vue'

const chart: ChartSpec = {
  key: 'p95_ms',
  title: 'p95 latency',
  unit: 'milliseconds',
  lines: [
    {
      role: 'stable',
      name: 'v1',
      points: [
        [0, 118],
        [60_000, 120],
      ],
    },
    { role: 'candidate', name: 'v2', points: [[60_000, 131]] },
  ],
  limit: {
    points: [
      [0, 150],
      [60_000, 150],
    ],
    label: '25 % slower',
    side: 'above',
  },
  floor: 0,
  zero: true,
  show: (value) => `${value} ms`,
  tick: String,
  note: '95 % are faster',
}
const range = { from: 0, until: 60_000, bands: [{ from: 0, until: 60_000, label: '5 %' }] }

describe('a chart', () => {
  test('says in words what it draws', async () => {
    const wrapper = await show(TimeChart, { chart, range })
    expect(wrapper.find('svg[role=img]').attributes('aria-label')).toBe('p95 latency: v1 120 ms, v2 131 ms. Limit: 25 % slower')
  })

  test('labels the line ends and the step', async () => {
    const words = (await show(TimeChart, { chart, range })).findAll('text').map((one) => one.text())
    expect(words).toEqual(expect.arrayContaining(['v1 120', 'v2 131', '5 %', '25 % slower']))
  })

  test('has the same numbers as a table behind a button', async () => {
    const wrapper = await show(TimeChart, { chart, range })
    await button(wrapper, 'as a table').trigger('click')
    expect(
      wrapper.findAll('tbody tr').map((row) =>
        row
          .findAll('td')
          .slice(1)
          .map((cell) => cell.text()),
      ),
    ).toEqual([
      ['120 ms', '131 ms'],
      ['118 ms', '–'],
    ])
  })

  test('without data says so instead of drawing an empty field', async () => {
    const wrapper = await show(TimeChart, { chart: { ...chart, lines: [], limit: null }, range })
    expect(wrapper.text()).toContain('No data in this range')
  })

  test('takes nothing but its own width', async () => {
    expect((await show(TimeChart, { chart, range })).find('svg[role=img]').attributes('width')).toBe('480')
  })
})
