import { describe, expect, test } from 'vitest'
import { csrfToken, idempotencyKey, loginHref, noteCsrfToken } from './client'
import { noteServerTime, serverNow } from './clock'
import { allRows, cursorOf } from './pages'
import { asProblem, problemFrom } from './problem'

describe('problems', () => {
  test.each([
    [400, 'invalid'],
    [403, 'forbidden'],
    [404, 'missing'],
    [409, 'conflict'],
    [422, 'blocked'],
    [502, 'upstream'],
    [500, 'server'],
  ])('status %i is of kind %s', (status, kind) => expect(problemFrom(status, {}).kind).toBe(kind))

  test('403 without a session means log in', () => {
    expect(problemFrom(403, { type: 'client_error', code: 'not_authenticated', detail: 'No.', errors: [] }).kind).toBe('login')
  })

  test('findings keep their code, path and sentence', () => {
    const problem = problemFrom(422, {
      code: 'blocked',
      detail: 'Blocked.',
      errors: [{ code: 'WEIR0101', detail: 'No subset v2.', attr: 'spec.subsets' }],
    })
    expect(problem.message).toBe('Blocked.')
    expect(problem.details).toEqual([{ code: 'WEIR0101', text: 'No subset v2.', field: 'spec.subsets' }])
  })

  test('a page of a proxy is no reason to fail again', () => expect(problemFrom(502, '<html>').kind).toBe('upstream'))

  test('a fetch that fails is a matter of the network', () => expect(asProblem(new TypeError('fetch failed')).kind).toBe('network'))
})

describe('lists', () => {
  test('the cursor is taken out of the next address', () => {
    expect(cursorOf({ next: 'http://portal/api/v1/rollouts/?cursor=cD0x&service=3' })).toBe('cD0x')
    expect(cursorOf({ next: null })).toBe('')
  })

  test('all pages are read in order, and no more than allowed', async () => {
    const read = async ({ cursor }: { cursor?: string }) => ({
      results: [Number(cursor ?? 1)],
      next: `/x/?cursor=${Number(cursor ?? 1) + 1}`,
    })
    expect(await allRows(read, 3)).toEqual([1, 2, 3])
  })
})

describe('session', () => {
  test('the token of me/ replaces the token of the page', () => {
    document.head.innerHTML = '<meta name="csrf-token" content="from-page">'
    expect(csrfToken()).toBe('from-page')
    noteCsrfToken('from-me')
    expect(csrfToken()).toBe('from-me')
  })

  test('after the log-in one comes back to the same filters', () => {
    expect(loginHref('/audit?actor=operator')).toBe('/admin/login/?next=%2Faudit%3Factor%3Doperator')
  })

  test('keys never repeat', () => expect(new Set(Array.from({ length: 100 }, idempotencyKey)).size).toBe(100))
})

describe('clock', () => {
  test('a clock that is minutes off is corrected, a rounding difference is not', () => {
    const local = Date.now()
    noteServerTime(new Date(local + 600_000).toUTCString(), local)
    expect(serverNow() - Date.now()).toBeGreaterThan(598_000)
    noteServerTime(new Date(local + 900).toUTCString(), local)
    expect(Math.abs(serverNow() - Date.now())).toBeLessThan(50)
  })
})
