/** Rollouts from the API. Polling is fast while something may change by itself and slow otherwise. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import type { EventBody, WeightBody } from '@/api/contract'
import { allRows, cursorOf, PAGE_SIZE } from '@/api/pages'
import { auditFromApi } from '@/app/audit/audit'
import { CALM_MS, pace } from '@/app/shell/pace'
import { EVENT_PATH, type SentEvent } from './event'
import { rolloutKeys } from './keys'
import { isFinished, isMoving, rolloutDetailFromApi, rolloutFromApi, type RolloutPage, type RolloutState } from './rollout'
import { rehearsalFromApi } from './rehearsal'
import { verdictFromApi } from './verdict'

type Id = MaybeRefOrGetter<number | null>

const everyFor = (state: RolloutState | undefined): number => pace(state !== undefined && isMoving(state))
const partEvery = (state: RolloutState | undefined): number | false => (state && !isFinished(state) ? everyFor(state) : false)

async function fetchRollout(id: number): Promise<RolloutPage> {
  return rolloutDetailFromApi(await answer(api.GET('/api/v1/rollouts/{id}/', { params: { path: { id } } })))
}

/** The same question as the rollout's own page asks, at the calm pace of a page that only looks ahead. */
export function rolloutOptions(id: number) {
  return { queryKey: rolloutKeys.detail(id), queryFn: () => fetchRollout(id), refetchInterval: CALM_MS / 3 }
}

export function useRollout(id: Id) {
  return useQuery({
    queryKey: computed(() => rolloutKeys.detail(toValue(id))),
    queryFn: () => fetchRollout(toValue(id) ?? 0),
    enabled: computed(() => toValue(id) !== null),
    refetchInterval: (query) => everyFor(query.state.data?.state),
  })
}

export function useVerdicts(id: Id, state: MaybeRefOrGetter<RolloutState | undefined>) {
  return useQuery({
    queryKey: computed(() => rolloutKeys.part(toValue(id), 'verdicts')),
    queryFn: async () => {
      const path = { id: toValue(id) ?? 0 }
      const query = { page_size: PAGE_SIZE }
      return (await answer(api.GET('/api/v1/rollouts/{id}/verdicts/', { params: { path, query } }))).results.map(verdictFromApi)
    },
    enabled: computed(() => toValue(id) !== null),
    refetchInterval: () => partEvery(toValue(state)),
  })
}

/** The newest rehearsal of exactly this rollout's plan, null while there is none; polled while it is being played. */
export function useRehearsal(id: Id) {
  return useQuery({
    queryKey: computed(() => rolloutKeys.part(toValue(id), 'rehearsal')),
    queryFn: async () => {
      const query = { rollout: toValue(id) ?? 0, page_size: 1 }
      const [row] = (await answer(api.GET('/api/v1/rehearsals/', { params: { query } }))).results
      return row ? rehearsalFromApi(row) : null
    },
    enabled: computed(() => toValue(id) !== null),
    refetchInterval: (query) => (query.state.data?.isOpen ? pace(true) : false),
  })
}

export function useTimeline(id: Id, state: MaybeRefOrGetter<RolloutState | undefined>) {
  return useQuery({
    queryKey: computed(() => rolloutKeys.part(toValue(id), 'timeline')),
    queryFn: async () => {
      const path = { id: toValue(id) ?? 0 }
      const rows = await allRows((query) => answer(api.GET('/api/v1/rollouts/{id}/timeline/', { params: { path, query } })))
      return rows.map(auditFromApi)
    },
    enabled: computed(() => toValue(id) !== null),
    refetchInterval: () => partEvery(toValue(state)),
  })
}

/** The command that rolls back without Weir; asked for only when somebody wants to read it. */
export function useRollbackCommand(id: Id, wanted: MaybeRefOrGetter<boolean>) {
  return useQuery({
    queryKey: computed(() => rolloutKeys.part(toValue(id), 'preview')),
    queryFn: async () =>
      (await answer(api.GET('/api/v1/rollouts/{id}/preview/', { params: { path: { id: toValue(id) ?? 0 } } }))).rollback_command,
    enabled: computed(() => toValue(id) !== null && toValue(wanted)),
    staleTime: 60_000,
  })
}

/** The rollouts of one service, newest first, a page at a time. */
export function useHistory(service: MaybeRefOrGetter<number>) {
  return useInfiniteQuery({
    queryKey: computed(() => rolloutKeys.ofService(toValue(service))),
    queryFn: async ({ pageParam }) => {
      const query = { service: String(toValue(service)), ...(pageParam ? { cursor: pageParam } : {}) }
      const page = await answer(api.GET('/api/v1/rollouts/', { params: { query } }))
      return { rollouts: page.results.map(rolloutFromApi), cursor: cursorOf(page) }
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.cursor || undefined,
    refetchInterval: CALM_MS,
  })
}

export interface EventRequest extends EventBody {
  id: number
  event: SentEvent
  key: string
}

export function useEvent() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ id, event, key, ...body }: EventRequest) => {
      const params = { path: { id } }
      const headers = { 'Idempotency-Key': key }
      // Each event has a path of its own, and takes what set-weight takes, less the weight.
      const path = EVENT_PATH[event] as typeof EVENT_PATH.set_weight
      return rolloutDetailFromApi(await answer(api.POST(path, { params, body: body as WeightBody, headers })))
    },
    onSuccess: (rollout) => client.setQueryData(rolloutKeys.detail(rollout.id), rollout),
    onSettled: () => client.invalidateQueries(),
  })
}
