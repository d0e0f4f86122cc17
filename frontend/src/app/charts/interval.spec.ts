import { describe, expect, test } from 'vitest'
import { intervalPlot } from './interval'

const SIZE = { width: 640, height: 208, offsetMs: 0, gutter: 104 }
const at = (minute: number, difference: number, half: number) => ({
  at: minute * 60_000,
  difference,
  low: difference - half,
  high: difference + half,
})

describe('a difference with its interval', () => {
  test('the first, wide looks do not flatten what is known now', () => {
    const drawn = intervalPlot([at(0, 0, 100), at(1, 0.5, 2), at(2, 1, 1)], SIZE)
    const span = (drawn?.end.low ?? 0) - (drawn?.end.high ?? 0)
    expect(span).toBeGreaterThan(25)
  })
  test('zero is always on the axis', () => {
    const drawn = intervalPlot([at(0, 5, 1), at(1, 5, 0.5)], SIZE)
    expect(drawn?.yTicks.some((tick) => tick.value === 0)).toBe(true)
    expect(drawn?.zero).toBeLessThanOrEqual(SIZE.height)
  })
  test('nothing measured draws nothing', () => expect(intervalPlot([], SIZE)).toBeNull())
})
