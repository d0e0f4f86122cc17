import { describe, expect, test } from 'vitest'
import { createFormat, durationParts, instant } from './format'

const NOON = Date.parse('2026-11-10T04:00:00Z')
const f = createFormat('en', 'Asia/Shanghai')
const plain = (text: string): string => text.replace(/\u00a0/g, ' ')
const duration = (seconds: number): string =>
  durationParts(seconds)
    .map(({ part, value, pad }) => `${pad ? String(value).padStart(2, '0') : value}${part}`)
    .join(' ')

describe('format', () => {
  test.each([
    [0.9992, '99.92 %'],
    [1, '100.00 %'],
    [0.00004, '0.00 %'],
  ])('a ratio of %f is %s', (ratio, text) => expect(plain(f.ratio(ratio))).toBe(text))

  test.each([
    [5, '5'],
    [83.8, '83.8'],
    [16.25, '16.3'],
  ])('a share of %f percent is written %s', (percent, text) => expect(f.share(percent)).toBe(text))

  test('long latencies are written in seconds', () => {
    expect(plain(f.ms(84.4))).toBe('84 ms')
    expect(plain(f.ms(12_340))).toBe('12.3 s')
  })

  test('today needs no date, another day does', () => {
    expect(f.moment(NOON + 3_600_000, NOON)).toBe('13:00')
    expect(f.moment(NOON + 86_400_000, NOON)).toMatch(/Wed.*11.*12:00/)
  })

  test('midnight is 00:00 and never 24:00', () => expect(f.clock(NOON + 12 * 3_600_000)).toBe('00:00'))

  test('the zone is named with its offset', () => expect(f.zone(NOON)).toBe('Asia/Shanghai (UTC+8)'))

  test.each([
    [0, '0s'],
    [59.4, '59s'],
    [75, '1min 15s'],
    [605, '10min'],
    [3600, '1h'],
    [3960, '1h 06min'],
    [162_000, '1d 21h'],
    [-5, '0s'],
  ])('%f seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text))

  test('what is no instant is null, not NaN', () => {
    expect(instant(null)).toBeNull()
    expect(instant('soon')).toBeNull()
    expect(instant('2026-11-10T04:00:00Z')).toBe(NOON)
  })
})
