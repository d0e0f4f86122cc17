import { describe, expect, test } from 'vitest'
import { shifted, smoothed, tableRows } from './chart'
import { path, plot, spread, valueAt, type PlotInput, type Point } from './plot'
import { decimalsOf, niceTicks, timeTicks, zoneOffset } from './scale'

const line = (points: Point[]) => ({ role: 'stable' as const, name: 'v1', points })
const input = (changes: Partial<PlotInput> = {}): PlotInput => ({
  lines: [
    line([
      [0, 0.99],
      [50_000, 0.995],
      [100_000, 0.9995],
    ]),
  ],
  bands: [],
  limit: null,
  from: 0,
  until: 100_000,
  width: 480,
  height: 208,
  offsetMs: 0,
  gutter: 72,
  ...changes,
})

describe('axes', () => {
  test.each([
    [0, 240, [0, 50, 100, 150, 200, 250]],
    [0.9943, 0.9999, [0.994, 0.996, 0.998, 1]],
    [118, 121, [118, 119, 120, 121]],
  ])('%f to %f gives round ticks that enclose it', (low, high, ticks) =>
    expect(niceTicks(low, high, 5 - (ticks.length === 4 ? 1 : 0))).toEqual(ticks),
  )

  test('a flat line still has an axis', () => expect(niceTicks(5, 5, 4).length).toBeGreaterThan(1))

  test('ticks have as many decimals as tell them apart', () => {
    expect(decimalsOf([0, 50])).toBe(0)
    expect(decimalsOf([0.994, 0.996])).toBe(3)
    expect(decimalsOf([0, 2.5])).toBe(1)
  })

  test('time ticks fall on round moments of the zone', () => {
    const zone = zoneOffset(Date.parse('2026-11-10T04:00:00Z'), 'Asia/Shanghai')
    expect(zone).toBe(8 * 3_600_000)
    const ticks = timeTicks(Date.parse('2026-11-10T00:10:00Z'), Date.parse('2026-11-11T00:10:00Z'), 4, zone)
    expect(ticks.map((tick) => new Date(tick.at + zone).toISOString().slice(11, 16))).toEqual(['12:00', '18:00', '00:00', '06:00'])
  })
})

describe('plot', () => {
  test('everything lies inside the width it was given', () => {
    const { area, lines, xTicks } = plot(input())
    expect(area.right).toBe(480 - 72)
    expect(lines[0]?.end?.x).toBeCloseTo(area.right)
    for (const tick of xTicks) expect(tick.x).toBeLessThanOrEqual(area.right + 1)
  })

  test('a ratio has no tick above one', () =>
    expect(Math.max(...plot(input({ floor: 0, ceiling: 1 })).yTicks.map((tick) => tick.value))).toBeLessThanOrEqual(1))

  test('a line breaks where nothing was measured', () => {
    expect(
      path(
        [
          [0, 1],
          [1, 2],
          [2, null],
          [3, 4],
        ],
        (at) => at,
        (value) => value,
      ),
    ).toBe('M0.0 1.0L1.0 2.0M3.0 4.0')
  })

  test('labels at the line ends can each be read', () => {
    const [first, second] = spread([{ y: 40 }, { y: 42 }])
    expect((second?.y ?? 0) - (first?.y ?? 0)).toBeGreaterThanOrEqual(16)
  })

  test('a limit is inside the picture even if it is far from the data', () => {
    const { limit, yTicks } = plot(
      input({
        limit: {
          points: [
            [0, 0.9],
            [100_000, 0.9],
          ],
          label: 'limit',
          side: 'below',
        },
        floor: 0,
        ceiling: 1,
      }),
    )
    expect(limit?.d).toMatch(/^M/)
    expect(Math.min(...yTicks.map((tick) => tick.value))).toBeLessThanOrEqual(0.9)
  })

  test('a band outside the range is not drawn, one that reaches in is cut', () => {
    const { bands, area } = plot(
      input({
        bands: [
          { from: -90, until: -10, label: '1 %' },
          { from: -10, until: 60_000, label: '5 %' },
        ],
      }),
    )
    expect(bands).toHaveLength(1)
    expect(bands[0]?.x).toBe(area.left)
  })

  test('without data there is an axis and no line', () => expect(plot(input({ lines: [line([])] })).lines[0]?.end).toBeNull())
})

describe('readings', () => {
  test('the nearest point speaks if it is near enough', () => {
    expect(
      valueAt(
        [
          [0, 1],
          [10, 2],
        ],
        8,
        5,
      ),
    ).toBe(2)
    expect(
      valueAt(
        [
          [0, 1],
          [10, 2],
        ],
        80,
        5,
      ),
    ).toBeNull()
  })

  test('the table is newest first and short', () => {
    const points = Array.from({ length: 200 }, (_, index): Point => [index, index])
    const rows = tableRows([line(points)], { from: 0, until: 200, bands: [] })
    expect(rows.length).toBeLessThanOrEqual(24)
    expect(rows[0]?.at).toBe(199)
  })

  test('a limit moves with the stable version and keeps its gaps', () => {
    expect(
      shifted(
        [
          [0, 1],
          [1, null],
        ],
        (value) => value - 0.5,
      ),
    ).toEqual([
      [0, 0.5],
      [1, null],
    ])
    expect(
      smoothed(
        [
          [0, 1],
          [1, 3],
          [2, 5],
        ],
        1,
      ),
    ).toEqual([
      [0, 2],
      [1, 3],
      [2, 4],
    ])
  })
})
