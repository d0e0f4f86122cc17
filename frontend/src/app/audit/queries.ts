/** The audit trail from the API: a page at a time by its filters, and the state of the chain. */
import { useInfiniteQuery, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import type { AuditFilter } from '@/api/contract'
import { cursorOf } from '@/api/pages'
import { auditFromApi, chainFromApi } from './audit'

const EVERY_MS = 10_000

export function useAudit(filter: MaybeRefOrGetter<AuditFilter>) {
  return useInfiniteQuery({
    queryKey: computed(() => ['audit', toValue(filter)]),
    queryFn: async ({ pageParam }) => {
      const query = { ...toValue(filter), ...(pageParam ? { cursor: pageParam } : {}) }
      const page = await answer(api.GET('/api/v1/audit/', { params: { query } }))
      return { events: page.results.map(auditFromApi), cursor: cursorOf(page) }
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.cursor || undefined,
    refetchInterval: EVERY_MS,
  })
}

/** Reading the whole chain takes time in proportion to its length, so it is asked for once and on demand. */
export function useChain() {
  return useQuery({
    queryKey: ['audit', 'chain'],
    queryFn: async () => chainFromApi(await answer(api.GET('/api/v1/audit/verify/'))),
    staleTime: 300_000,
  })
}
