import { describe, expect, test } from 'vitest'
import { rulesFromApi } from '@/app/traffic/rules'
import { linesOf, pairsOf } from './change'
import { comparisonsOf, draftFrom, gapIn, moved, newRule, specOf, usersOf } from './draft'

const now = (rules: unknown[] = []) => ({ weight: 20, rules: rulesFromApi(rules), sticky: null, mirror: null })

describe('a draft', () => {
  test('begins as the mesh is, and asks for exactly that', () => {
    const rules = [
      { name: 'testers', header: 'x-tester', exact: '1', to: 'candidate' },
      { cookie: 'beta', regex: 'y|z', to: 'stable' },
    ]
    const draft = draftFrom({
      ...now(rules),
      sticky: { header: 'x-id', percent: 30, offset: 7, ids: 'hex' },
      mirror: 5,
    })
    expect(specOf(draft)).toEqual({
      candidate_weight: 20,
      rules,
      sticky: { header: 'x-id', percent: 30, ids: 'hex' },
      mirror: { percent: 5 },
    })
  })

  test('without sticky users and mirror says so', () => expect(specOf(draftFrom(now()))).toMatchObject({ sticky: null, mirror: null }))

  test('takes ids however they were pasted, each once', () => expect(usersOf(' 7, 8;9\n8\t10，11 ')).toEqual(['7', '8', '9', '10', '11']))

  test('offers user lists for headers only', () => {
    expect(comparisonsOf('header')).toContain('users')
    expect(comparisonsOf('cookie')).not.toContain('users')
  })

  test.each([
    [{ weight: 101 }, 'changes.gap.weight'],
    [{ weight: 0.5 }, 'changes.gap.weight'],
    [{ weight: Number.NaN }, 'changes.gap.weight'],
    [{ rules: [newRule()] }, 'changes.gap.rule'],
    [{ sticky: { on: true, header: ' ', percent: 1, ids: 'hex' as const } }, 'changes.gap.sticky'],
  ])('with a gap %o names it', (gap, key) => expect(gapIn({ ...draftFrom(now()), ...gap })?.key).toBe(key))

  test('that is complete has no gap', () => expect(gapIn(draftFrom(now([{ header: 'x', exact: '1' }])))).toBeNull())

  test('moves rules, and not beyond the ends', () => {
    const [a, b] = [newRule(), newRule()]
    expect(moved([a, b], 1, -1)).toEqual([b, a])
    expect(moved([a, b], 0, -1)).toEqual([a, b])
    expect(moved([a, b], 1, 1)).toEqual([a, b])
  })
})

test('a difference is read line by line, without the names of files', () =>
  expect(linesOf('--- before\n+++ after\n@@ -1 +1,2 @@\n a: 1\n-b: 2\n+b: 3')).toEqual([
    { kind: 'place', text: '@@ -1 +1,2 @@' },
    { kind: 'same', text: 'a: 1' },
    { kind: 'removed', text: 'b: 2' },
    { kind: 'added', text: 'b: 3' },
  ]))

test('headers are read one a line, values may hold colons', () =>
  expect(pairsOf('x-user-id: 42\nnothing\nx-time: 10:30\n: empty')).toEqual({ 'x-user-id': '42', 'x-time': '10:30' }))
