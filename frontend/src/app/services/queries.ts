/** Services from the API: the row, where its traffic goes, how its versions do. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import { allRows } from '@/api/pages'
import { CALM_MS, pace } from '@/app/shell/pace'
import { trafficFromApi, type Names } from '@/app/traffic/traffic'
import { serviceKeys } from './keys'
import { metricFromApi, seriesFromApi, serviceFromApi } from './service'

type Id = MaybeRefOrGetter<number | null>

/** Charts need not move as often as a state does. */
const CHART_MS = 5_000

export function useService(id: Id) {
  return useQuery({
    queryKey: computed(() => serviceKeys.detail(toValue(id))),
    queryFn: async () => serviceFromApi(await answer(api.GET('/api/v1/services/{id}/', { params: { path: { id: toValue(id) ?? 0 } } }))),
    enabled: computed(() => toValue(id) !== null),
    refetchInterval: CALM_MS,
  })
}

export function useTraffic(id: Id, names: MaybeRefOrGetter<Names>, live: MaybeRefOrGetter<boolean>) {
  const query = useQuery({
    queryKey: computed(() => serviceKeys.traffic(toValue(id))),
    queryFn: () => answer(api.GET('/api/v1/services/{id}/traffic/', { params: { path: { id: toValue(id) ?? 0 } } })),
    enabled: computed(() => toValue(id) !== null),
    refetchInterval: () => pace(toValue(live)),
  })
  return { ...query, data: computed(() => (query.data.value ? trafficFromApi(query.data.value, toValue(names)) : undefined)) }
}

export function useSeries(
  id: Id,
  range: MaybeRefOrGetter<{ seconds: number; step: number; until?: number }>,
  live: MaybeRefOrGetter<boolean>,
) {
  return useQuery({
    queryKey: computed(() => serviceKeys.series(toValue(id), toValue(range))),
    queryFn: async () => {
      const params = { path: { id: toValue(id) ?? 0 }, query: toValue(range) }
      return seriesFromApi(await answer(api.GET('/api/v1/services/{id}/metrics/', { params })))
    },
    enabled: computed(() => toValue(id) !== null),
    refetchInterval: () => pace(toValue(live), CHART_MS),
    // A longer range must not blank the charts while it is being read.
    placeholderData: keepPreviousData,
  })
}

export function useMetrics() {
  return useQuery({
    queryKey: ['metrics'],
    queryFn: async () => (await allRows((query) => answer(api.GET('/api/v1/metrics/', { params: { query } })))).map(metricFromApi),
    staleTime: 300_000,
  })
}

export function useClusters() {
  return useQuery({
    queryKey: ['clusters'],
    queryFn: () => allRows((query) => answer(api.GET('/api/v1/clusters/', { params: { query } }))),
    staleTime: 300_000,
  })
}
