import { useQuery } from '@tanstack/vue-query'
import { answer, api } from '@/api/client'
import { CALM_MS, LIVE_MS } from '@/app/rollouts/queries'
import { overviewFromApi, somethingMoves } from './overview'

export function useOverview() {
  return useQuery({
    queryKey: ['overview'],
    queryFn: async () => overviewFromApi(await answer(api.GET('/api/v1/overview/'))),
    refetchInterval: (query) => (somethingMoves(query.state.data) ? LIVE_MS : CALM_MS),
  })
}
