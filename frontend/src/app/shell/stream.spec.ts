import { QueryClient, type InvalidateQueryFilters } from '@tanstack/vue-query'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { effectScope } from 'vue'
import { pace, streaming } from './pace'
import { staleKeys, useStream } from './stream'

class FakeSource extends EventTarget {
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  closed = false
  close(): void {
    this.closed = true
  }
  tell(kind: string, data: object): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }))
  }
}

function listen() {
  const source = new FakeSource()
  const client = new QueryClient()
  const read: string[] = []
  vi.spyOn(client, 'invalidateQueries').mockImplementation(async (filters) => {
    read.push(JSON.stringify((filters as InvalidateQueryFilters).queryKey))
  })
  const scope = effectScope()
  scope.run(() => useStream(client, () => source as unknown as EventSource))
  return { source, read, scope }
}

afterEach(() => void vi.useRealTimers())

describe('what news makes old', () => {
  test('a rollout: its page, its service, the lists', () =>
    expect(staleKeys('rollout', { id: 7, service: 3 })).toEqual([
      ['overview'],
      ['rollouts', 7],
      ['services', 3],
      ['rollouts', 'service', 3],
      ['trains'],
      ['me'],
      ['audit'],
    ]))
  test('a verdict: its rollout, not the charts of the service', () =>
    expect(staleKeys('verdict', { id: 1, rollout: 7, service: 3 })).toEqual([['overview'], ['rollouts', 7]]))
  test('a reset: everything', () => expect(staleKeys('reset', {})).toEqual([[]]))
})

describe('the stream', () => {
  test('reads the same thing once, however much is told of it', () => {
    vi.useFakeTimers()
    const { source, read, scope } = listen()
    source.tell('verdict', { rollout: 7, service: 3 })
    source.tell('verdict', { rollout: 7, service: 3 })
    expect(read).toEqual([])
    vi.runAllTimers()
    expect(read).toEqual(['["overview"]', '["rollouts",7]'])
    scope.stop()
  })

  test('slows the polling while it stands, and speeds it up when it breaks', () => {
    const { source, scope } = listen()
    expect(pace(true)).toBe(2_000)
    source.onopen?.()
    expect(pace(true)).toBe(15_000)
    source.onerror?.()
    expect(pace(true)).toBe(2_000)
    scope.stop()
  })

  test('ends with its scope, and reads nothing afterwards', () => {
    vi.useFakeTimers()
    const { source, read, scope } = listen()
    source.onopen?.()
    source.tell('reset', {})
    scope.stop()
    vi.runAllTimers()
    expect([source.closed, streaming.value, read]).toEqual([true, false, []])
  })
})
