import { useQuery } from '@tanstack/vue-query'
import { answer, api } from '@/api/client'
import { pace } from '@/app/shell/pace'
import { overviewFromApi, somethingMoves } from './overview'

export function useOverview() {
  return useQuery({
    queryKey: ['overview'],
    queryFn: async () => overviewFromApi(await answer(api.GET('/api/v1/overview/'))),
    refetchInterval: (query) => pace(somethingMoves(query.state.data)),
  })
}
