import { describe, expect, test } from 'vitest'
import { fieldsOf, rulesFromApi, trace, type Sticky } from './rules'
import { mismatchOf, segments, silence, splitOf, trafficFromApi } from './traffic'

const NAMES = { stable: 'v1', candidate: 'v2' }
const both = (v2: number) => ({ v1: 100 - v2, v2 })
function traffic(declared: number | null, configured: number | null, observed: number | null, requests = 10_000, shaped = {}) {
  const of = (v2: number | null) => (v2 === null ? null : both(v2))
  const counted = observed === null ? null : { v1: (requests * (100 - observed)) / 100, v2: (requests * observed) / 100 }
  return trafficFromApi(
    {
      declared: of(declared),
      configured: of(configured),
      observed: of(observed),
      requests: counted,
      observed_seconds: 60,
      sticky: null,
      matched: true,
      problem: '',
      ...shaped,
    },
    NAMES,
  )
}

describe('mismatch', () => {
  test('three that agree are no mismatch', () => expect(mismatchOf(traffic(20, 20, 20.3))).toBeNull())
  test('a mesh that cannot be read is said first', () => expect(mismatchOf(traffic(20, null, 20))?.key).toBe('traffic.mismatch.unread'))
  test('a changed mesh is drift, with the points', () =>
    expect(mismatchOf(traffic(20, 35, 35))).toEqual({ key: 'traffic.mismatch.drift', declared: 20, configured: 35, points: 15 }))

  test('what the candidate lacks is counted in requests', () => {
    const found = mismatchOf(traffic(20, 20, 15))
    expect(found).toMatchObject({ key: 'traffic.mismatch.missing', points: 5, expected: 2000, got: 1500 })
  })

  test('too much is said as well', () => expect(mismatchOf(traffic(5, 5, 12))?.key).toBe('traffic.mismatch.surplus'))
  test('a few requests far off mean nothing', () => expect(mismatchOf(traffic(20, 20, 40, 20))).toBeNull())
  test('users who always see the candidate are part of the split', () => {
    const split = traffic(0, 0, 50, 10_000, { sticky: { header: 'x-user-id', percent: 50 } })
    expect(split.configured).toEqual({ stable: 50, candidate: 50, other: 0 })
    expect(split.ordinary).toEqual({ stable: 100, candidate: 0, other: 0 })
    expect(mismatchOf(split)).toBeNull()
  })
  test('what rules pick is not held against the weights', () =>
    expect(mismatchOf(traffic(0, 0, 40, 10_000, { rules: [{ name: 'phones', header: 'x-platform', exact: 'ios' }] }))).toBeNull())
  test.each([
    [0, 'traffic.moved'],
    [15, 'traffic.none_since'],
    [60, 'traffic.not_observed'],
  ])('after %i s without a request it says %s', (seconds, key) => expect(silence({ observedSeconds: seconds }).key).toBe(key))
  test('no observation is no mismatch', () => expect(mismatchOf(traffic(20, 20, null))).toBeNull())
})

describe('splits', () => {
  test('a third destination is neither stable nor candidate', () =>
    expect(splitOf({ v1: 70, v2: 20, v0: 10 }, NAMES)).toEqual({ stable: 70, candidate: 20, other: 10 }))
  test('nothing known is null, not zero', () => expect(splitOf(null, NAMES)).toBeNull())
  test('the missing share is marked and the bar stays whole', () => {
    const parts = segments({ stable: 83.8, candidate: 16.2, other: 0 }, { stable: 80, candidate: 20, other: 0 })
    expect(parts.map((part) => part.kind)).toEqual(['stable', 'missing', 'candidate'])
    expect(parts.reduce((sum, part) => sum + part.percent, 0)).toBeCloseTo(100)
  })
})

describe('rules', () => {
  const rules = rulesFromApi([
    { name: 'testers', header: 'x-weir-test', exact: 'v2', to: 'candidate' },
    { name: 'key-accounts', header: 'x-user-id', users: [10_042, 'a7'], to: 'stable' },
    { query: 'beta', regex: '1|true' },
  ])
  const sticky: Sticky = { header: 'x-user-id', percent: 20, offset: 0, ids: 'decimal' }
  const request = (headers: Record<string, string>, query: Record<string, string> = {}) => ({ headers, cookies: {}, query })
  const outcomes = (headers: Record<string, string>, query: Record<string, string> = {}) =>
    trace(request(headers, query), rules, sticky).map((step) => step.outcome)

  test('the first hit wins and nothing after it is compared', () =>
    expect(outcomes({ 'x-weir-test': 'v2', 'x-user-id': '10042' })).toEqual([
      'hit',
      'not_reached',
      'not_reached',
      'not_reached',
      'not_reached',
    ]))
  test('a listed user is found, as a number or as text', () => expect(outcomes({ 'x-user-id': '10042' })[1]).toBe('hit'))
  test('a regular expression must match the whole value', () => {
    expect(outcomes({}, { beta: 'true' })[2]).toBe('hit')
    expect(outcomes({}, { beta: 'trueish' })[2]).toBe('missed')
  })
  test('sticky users are those whose id ends in a chosen ending', () => {
    expect(outcomes({ 'x-user-id': '10019' })[3]).toBe('hit')
    expect(outcomes({ 'x-user-id': '10020' })[3]).toBe('missed')
    expect(outcomes({ 'x-user-id': '7' })[3]).toBe('hit')
  })
  test('everybody else goes by weight', () => expect(outcomes({})).toEqual(['absent', 'absent', 'absent', 'absent', 'hit']))
  test('a rule of another form is shown and not tried', () => {
    const [opaque] = rulesFromApi([{ name: 'weir-x', match: [{ uri: { prefix: '/' } }] }])
    expect(opaque).toEqual({ name: 'weir-x', text: '{"name":"weir-x","match":[{"uri":{"prefix":"/"}}]}' })
  })
  test('the tester asks for each field once', () =>
    expect(fieldsOf(rules, sticky).map((one) => one.field)).toEqual(['x-weir-test', 'x-user-id', 'beta']))
})
