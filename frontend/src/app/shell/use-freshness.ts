/** Reads the freshness of the queries that are on the page from TanStack Query's cache. */
import { useQueryClient, type Query } from '@tanstack/vue-query'
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { freshnessOf, type Watched } from './freshness'

const TICK_MS = 1_000

export function useFreshness() {
  const cache = useQueryClient().getQueryCache()
  const now = ref(Date.now())
  const online = ref(navigator.onLine)
  const watched = shallowRef<Watched[]>([])

  function look(): void {
    now.value = Date.now()
    online.value = navigator.onLine
    watched.value = cache
      .getAll()
      .filter((query) => query.isActive())
      .map(asWatched)
  }
  const timer = setInterval(look, TICK_MS)
  const unsubscribe = cache.subscribe(() => queueMicrotask(look))
  onScopeDispose(() => {
    clearInterval(timer)
    unsubscribe()
  })
  return computed(() => freshnessOf(watched.value, now.value, online.value))
}

function asWatched(query: Query): Watched {
  const every = query.observers.map(({ options }) =>
    typeof options.refetchInterval === 'function' ? options.refetchInterval(query) : options.refetchInterval,
  )
  const times = every.filter((ms): ms is number => typeof ms === 'number' && ms > 0)
  const failed = query.state.fetchFailureCount > 0 || query.state.status === 'error'
  return { updatedAt: query.state.dataUpdatedAt, everyMs: times.length ? Math.min(...times) : 0, failures: failed ? 1 : 0 }
}
