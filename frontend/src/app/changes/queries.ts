/** Changes of traffic from the API: the list, the preview, the request tester, and what a person may cause. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import type { SpecBody } from '@/api/contract'
import { CALM_MS } from '@/app/shell/pace'
import { changeFromApi, previewFromApi, routedFromApi, type ChangeEvent } from './change'

export const changeKeys = {
  all: ['traffic-changes'] as const,
  ofService: (service: number) => [...changeKeys.all, service] as const,
}

/** The newest changes of a service: open ones wait for somebody, so they are looked at more often. */
export function useChanges(service: MaybeRefOrGetter<number>) {
  return useQuery({
    queryKey: computed(() => changeKeys.ofService(toValue(service))),
    queryFn: async () => {
      const query = { service: String(toValue(service)), page_size: 10 }
      return (await answer(api.GET('/api/v1/traffic-changes/', { params: { query } }))).results.map(changeFromApi)
    },
    refetchInterval: CALM_MS / 3,
  })
}

interface Asked {
  service: number
  spec: SpecBody
}

export function usePreview() {
  return useMutation({
    mutationFn: async (body: Asked) => previewFromApi(await answer(api.POST('/api/v1/traffic-changes/preview/', { body }))),
  })
}

export function useAsk() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ key, ...body }: Asked & { reason: string; key: string }) =>
      changeFromApi(await answer(api.POST('/api/v1/traffic-changes/', { body, headers: { 'Idempotency-Key': key } }))),
    onSettled: () => client.invalidateQueries(),
  })
}

const PATH = {
  approve: '/api/v1/traffic-changes/{id}/approve/',
  reject: '/api/v1/traffic-changes/{id}/reject/',
  apply: '/api/v1/traffic-changes/{id}/apply/',
  withdraw: '/api/v1/traffic-changes/{id}/withdraw/',
} as const satisfies Record<ChangeEvent, string>

export interface Caused {
  id: number
  event: ChangeEvent
  reason: string
  fingerprint: string
  key: string
}

export function useCause() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ id, event, key, ...body }: Caused) => {
      // Each event has a path of its own, and takes what approve takes.
      const path = PATH[event] as typeof PATH.approve
      return changeFromApi(await answer(api.POST(path, { params: { path: { id } }, body, headers: { 'Idempotency-Key': key } })))
    },
    onSettled: () => client.invalidateQueries(),
  })
}

export function useAllBack() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, reason, key }: { id: number; reason: string; key: string }) =>
      answer(
        api.POST('/api/v1/services/{id}/all-back/', {
          params: { path: { id } },
          body: { reason },
          headers: { 'Idempotency-Key': key },
        }),
      ),
    onSettled: () => client.invalidateQueries(),
  })
}

export interface Tried {
  id: number
  path: string
  headers: Record<string, string>
  cookies: Record<string, string>
  /** What is being edited; without it the live object is asked. */
  spec: SpecBody | null
}

export function useTry() {
  return useMutation({
    mutationFn: async ({ id, ...body }: Tried) => {
      const full = { ...body, method: 'GET', authority: '' }
      return routedFromApi(await answer(api.POST('/api/v1/services/{id}/route/', { params: { path: { id } }, body: full })))
    },
  })
}
