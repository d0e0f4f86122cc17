/** The calendar from the API. */
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import { CALM_MS } from '@/app/shell/pace'
import { calendarFromApi } from './calendar'

export function useCalendar(range: MaybeRefOrGetter<{ since: number; until: number }>, timeZone: string) {
  return useQuery({
    queryKey: computed(() => ['calendar', toValue(range).since, toValue(range).until]),
    queryFn: async () => {
      const { since, until } = toValue(range)
      const query = { since: new Date(since).toISOString(), until: new Date(until).toISOString(), time_zone: timeZone }
      return calendarFromApi(await answer(api.GET('/api/v1/calendar/', { params: { query } })))
    },
    placeholderData: keepPreviousData,
    refetchInterval: CALM_MS,
  })
}
