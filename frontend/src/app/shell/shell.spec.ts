import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { computed, effectScope, nextTick, ref } from 'vue'
import { freshnessOf } from './freshness'
import { useNow } from './now'
import { holdOrder, useHeld } from './use-held'

const NOW = 1_000_000
const seen = (secondsAgo: number, everyMs = 2_000, failures = 0) => ({ updatedAt: NOW - secondsAgo * 1000, everyMs, failures })

describe('freshness', () => {
  test('data as old as one interval is live', () => expect(freshnessOf([seen(2)], NOW, true)).toEqual({ kind: 'live', seconds: 2 }))
  test('data that should long have come again is stale', () =>
    expect(freshnessOf([seen(14)], NOW, true)).toEqual({ kind: 'stale', seconds: 14 }))
  test('a slow query is not stale before its time', () => expect(freshnessOf([seen(14, 15_000)], NOW, true).kind).toBe('live'))
  test('the oldest query speaks for the page', () =>
    expect(freshnessOf([seen(1), seen(20)], NOW, true)).toEqual({ kind: 'stale', seconds: 20 }))
  test('a failure is said at once, with the age of what is shown', () =>
    expect(freshnessOf([seen(5, 2_000, 1)], NOW, true)).toEqual({ kind: 'disconnected', seconds: 5 }))
  test('a browser without a network is disconnected', () => expect(freshnessOf([seen(1)], NOW, false).kind).toBe('disconnected'))
  test('what is asked only once does not count', () => expect(freshnessOf([seen(500, 0), seen(1)], NOW, true).kind).toBe('live'))
  test('before the first answer it is loading', () =>
    expect(freshnessOf([{ updatedAt: 0, everyMs: 2_000, failures: 0 }], NOW, true).kind).toBe('loading'))
})

describe('rows under the pointer', () => {
  const key = (row: { id: string; value: number }): string => row.id
  const row = (id: string, value = 0) => ({ id, value })

  test('values change in place while the order is held', () => {
    expect(holdOrder([row('a'), row('b')], [row('b', 2), row('a', 1)], key)).toEqual({ rows: [row('a', 1), row('b', 2)], pending: true })
  })

  test('a row that went away keeps its place with its last values', () => {
    expect(holdOrder([row('a', 7), row('b')], [row('b')], key).rows).toEqual([row('a', 7), row('b')])
  })

  test('new rows wait until the pointer leaves', async () => {
    const scope = effectScope()
    await scope.run(async () => {
      const rows = ref([row('a')])
      const held = useHeld(
        computed(() => rows.value),
        key,
      )
      held.hold.onPointerenter(new PointerEvent('pointerenter', { pointerType: 'mouse' }))
      rows.value = [row('new'), row('a')]
      await nextTick()
      expect(held.rows.value.map(key)).toEqual(['a'])
      expect(held.pending.value).toBe(true)
      held.hold.onPointerleave()
      expect(held.rows.value.map(key)).toEqual(['new', 'a'])
      expect(held.pending.value).toBe(false)
    })
    scope.stop()
  })

  test('a finger does not hold', () => {
    const rows = ref([row('a')])
    const held = useHeld(rows, key)
    held.hold.onPointerenter(new PointerEvent('pointerenter', { pointerType: 'touch' }))
    rows.value = [row('b')]
    expect(held.rows.value.map(key)).toEqual(['b'])
  })
})

describe('the ticking clock', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('everybody who looks shares one timer, and the last to leave stops it', () => {
    const [first, second] = [effectScope(), effectScope()]
    const now = first.run(useNow)
    second.run(useNow)
    expect(vi.getTimerCount()).toBe(1)
    const before = now?.value ?? 0
    vi.advanceTimersByTime(2_000)
    expect((now?.value ?? 0) - before).toBeGreaterThanOrEqual(2_000)
    first.stop()
    expect(vi.getTimerCount()).toBe(1)
    second.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})
