import { describe, expect, test } from 'vitest'
import type { CalendarRow } from '@/api/contract'
import { show } from '@/testing/mount'
import { calendarFromApi, DAY_MS, dayMarks, place, rangeOf, recurring, rowsOf } from './calendar'
import CalendarStrip from './components/CalendarStrip.vue'
import FreezeTable from './components/FreezeTable.vue'
import OpeningTable from './components/OpeningTable.vue'

const SHANGHAI = 'Asia/Shanghai'
const service = { id: 1, name: 'order', title: '', cluster: 'lab', namespace: 'shop' }

const row = {
  since: '2026-11-09T16:00:00Z',
  until: '2026-11-13T16:00:00Z',
  time_zone: SHANGHAI,
  freezes: [
    {
      id: 7,
      name: '双十一封网',
      reason: '大促',
      scope: 'everything',
      service: null,
      cluster: null,
      begins: '2026-11-10T16:00:00Z',
      ends: '2026-11-11T16:00:00Z',
      effect: 'hold',
      red_button: false,
    },
  ],
  windows: [],
  rollouts: [
    {
      id: 3,
      number: 'R-3',
      service,
      candidate: { id: 2, name: 'v2' },
      state: 'running',
      state_label: 'running',
      steps: [
        { position: 0, weight: 5, begins: '2026-11-09T16:00:00Z', ends: '2026-11-10T16:00:00Z', planned: false },
        { position: 1, weight: 20, begins: '2026-11-11T16:00:00Z', ends: '2026-11-12T04:00:00Z', planned: true },
      ],
    },
  ],
  days: [{ day: '2026-11-12', working: false, name: 'own day' }],
  unknown_years: [],
  unknown: '',
  services: [{ service, closed: true, reason: 'freeze', name: '双十一封网', next_open: '2026-11-11T16:00:00Z', next_close: null }],
} as unknown as CalendarRow

const page = calendarFromApi(row)

describe('what recurs', () => {
  const daily = (day: number) => ({
    id: 4,
    name: 'Office hours',
    reason: '',
    scope: 'order',
    service: 1,
    cluster: null,
    begins: day * DAY_MS,
    ends: day * DAY_MS + 3_600_000,
    effect: '' as const,
    redButton: false,
  })
  test('is one line, with the occurrence that comes next', () => {
    const lines = recurring([daily(3), daily(1), daily(2)], 1.5 * DAY_MS)
    expect(lines).toMatchObject([{ begins: 2 * DAY_MS, times: 3, lastBegins: 3 * DAY_MS }])
  })
  test('shows the one that holds now, and the last when all are over', () => {
    expect(recurring([daily(1), daily(2)], DAY_MS + 60_000)[0]?.begins).toBe(DAY_MS)
    expect(recurring([daily(1), daily(2)], 9 * DAY_MS)[0]?.begins).toBe(2 * DAY_MS)
  })
  test('without an end holds until it is lifted', () => expect(recurring([{ ...daily(1), ends: null }], 9 * DAY_MS)[0]?.ends).toBeNull())
})

describe('the range', () => {
  test('begins at midnight on the wall of the day in the URL', () => {
    const { since, until } = rangeOf('2026-11-10', '2', 0, SHANGHAI)
    expect(new Date(since).toISOString()).toBe('2026-11-09T16:00:00.000Z')
    expect(until - since).toBe(14 * DAY_MS)
  })
  test('begins yesterday when the URL says nothing or nonsense', () => {
    const now = Date.parse('2026-11-10T03:00:00Z')
    for (const day of ['', 'soon']) expect(new Date(rangeOf(day, '2', now, SHANGHAI).since).toISOString()).toBe('2026-11-08T16:00:00.000Z')
  })
  test('keeps to midnights over a change of clocks', () => {
    const { since, until } = rangeOf('2026-10-30', '2', 0, 'America/New_York')
    expect(until - since).toBe(14 * DAY_MS + 3_600_000)
  })
})

describe('places', () => {
  test('a span is cut to what is to be seen', () => expect(place(-50, 50, { since: 0, until: 100 })).toEqual({ x: 0, width: 50 }))
  test('without an end it reaches to the edge', () => expect(place(25, null, { since: 0, until: 100 })).toEqual({ x: 25, width: 75 }))
  test('outside there is nothing', () => expect(place(200, 300, { since: 0, until: 100 })).toBeNull())
})

describe('days', () => {
  test('each is named by its date on the wall, and the special ones by their name', () => {
    const marks = dayMarks(page, SHANGHAI)
    expect(marks.map((mark) => mark.date)).toEqual(['2026-11-10', '2026-11-11', '2026-11-12', '2026-11-13'])
    expect(marks.map((mark) => mark.resting)).toEqual([false, false, true, false])
    expect(marks[2]?.name).toBe('own day')
  })
})

describe('rows', () => {
  test('a freeze of everything covers each service, and steps lie where they are held', () => {
    const [order] = rowsOf(page)
    expect(order?.freezes).toEqual([{ key: '7-0', name: '双十一封网', x: 25, width: 25 }])
    expect(order?.bars.map(({ x, width, planned }) => [x, width, planned])).toEqual([
      [0, 25, false],
      [50, 12.5, true],
    ])
  })
  test('a freeze of another service covers nothing here', () => {
    const other = { ...page, freezes: page.freezes.map((one) => ({ ...one, service: 9 })) }
    expect(rowsOf(other)[0]?.freezes).toEqual([])
  })
})

describe('words', () => {
  const now = Date.parse('2026-11-11T03:00:00Z')
  test('say what closes a service and when it opens', async () => {
    const text = (await show(OpeningTable, { openings: page.openings, now })).text()
    expect(text).toContain('frozen')
    expect(text).toContain('双十一封网')
    expect(text).toMatch(/opens/)
  })
  test('say that a red button holds until it is lifted', async () => {
    const openings = page.openings.map((one) => ({ ...one, nextOpen: null }))
    expect((await show(OpeningTable, { openings, now })).text()).toContain('until it is lifted')
  })
  test('say in Chinese what a freeze does to what runs', async () => {
    const props = { rows: page.freezes, caption: 'c', empty: 'e', now, effects: true }
    expect((await show(FreezeTable, props, { locale: 'zh-Hans' })).text()).toContain('保持当前权重')
  })
  test('stand for the picture', async () => {
    const wrapper = await show(CalendarStrip, { page, now, timeZone: SHANGHAI })
    expect(wrapper.find('[role=img]').attributes('aria-label')).toContain('1')
    expect(wrapper.findAll('rect.step')).toHaveLength(2)
  })
})
