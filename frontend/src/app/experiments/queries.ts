/** Experiments from the API; polled while one is under way. */
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import { experimentFromApi } from './experiment'

const EVERY_MS = 5_000

export function useExperiments() {
  return useQuery({
    queryKey: ['experiments'],
    queryFn: async () => (await answer(api.GET('/api/v1/experiments/'))).results.map(experimentFromApi),
    refetchInterval: EVERY_MS,
  })
}

export function useExperiment(id: MaybeRefOrGetter<number>) {
  return useQuery({
    queryKey: computed(() => ['experiments', toValue(id)]),
    queryFn: async () => experimentFromApi(await answer(api.GET('/api/v1/experiments/{id}/', { params: { path: { id: toValue(id) } } }))),
    refetchInterval: (query) => (query.state.data?.choice === 'void' ? false : EVERY_MS),
  })
}
