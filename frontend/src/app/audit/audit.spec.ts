import { describe, expect, test } from 'vitest'
import { changes } from './audit'
import { EMPTY, fieldsFrom, filterFrom, queryFrom } from './filter'

describe('changes', () => {
  test('only what differs is told, leaf by leaf', () => {
    expect(
      changes({ state: 'running', plan: { weight: 5, gate: 'auto' } }, { state: 'paused', plan: { weight: 5, gate: 'auto' } }),
    ).toEqual([{ path: 'state', before: 'running', after: 'paused' }])
  })
  test('what is new or gone has an empty side', () => {
    expect(changes(null, { users: ['a'] })).toEqual([{ path: 'users.0', before: '', after: 'a' }])
    expect(changes({ note: 'x' }, {})).toEqual([{ path: 'note', before: 'x', after: '' }])
  })
})

describe('filters', () => {
  test('the URL carries what is set and nothing else', () =>
    expect(queryFrom({ ...EMPTY, actor: 'operator', search: ' ' })).toEqual({ actor: 'operator' }))
  test('a link gives the same fields again', () =>
    expect(fieldsFrom({ actor: 'operator', strange: 'x', rollout: ['1', '2'] })).toEqual({ ...EMPTY, actor: 'operator' }))
  test('the last day is included', () => {
    const { since, until } = filterFrom({ ...EMPTY, since: '2026-11-10', until: '2026-11-10' })
    expect(Date.parse(until ?? '') - Date.parse(since ?? '')).toBe(86_400_000)
  })
  test('nonsense in the URL asks for nothing', () => expect(filterFrom({ ...EMPTY, since: 'tomorrow', outcome: 'maybe' })).toEqual({}))
})
