/** The audit trail from the API: a page at a time by its filters, and the state of the chain. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import type { AuditFilter } from '@/api/contract'
import { cursorOf } from '@/api/pages'
import { auditFromApi, chainFromApi } from './audit'

const EVERY_MS = 10_000
const CHAIN = ['audit', 'chain']

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

const READING_MS = 2_000
const KNOWN_MS = 60_000

/** What the worker found when it read the chain last; asked more often while it reads. */
export function useChain() {
  return useQuery({
    queryKey: CHAIN,
    queryFn: async () => chainFromApi(await answer(api.GET('/api/v1/audit/verify/'))),
    refetchInterval: (query) => (query.state.data?.running ? READING_MS : KNOWN_MS),
  })
}

/** Have the whole chain read now. */
export function useReadChain() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async () => chainFromApi(await answer(api.POST('/api/v1/audit/verify/'))),
    onSuccess: (chain) => client.setQueryData(CHAIN, chain),
  })
}
