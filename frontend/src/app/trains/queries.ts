/** Release trains from the API, and what a person may cause. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { answer, api } from '@/api/client'
import type { TrainBody } from '@/api/contract'
import { allRows } from '@/api/pages'
import { auditFromApi } from '@/app/audit/audit'
import type { RolloutEvent } from '@/app/rollouts/rollout'
import { pace } from '@/app/shell/pace'
import { trainKeys } from './keys'
import { trainDetailFromApi, trainFromApi, trainMoves, type TrainState } from './train'

export function useTrains() {
  return useQuery({
    queryKey: trainKeys.list,
    queryFn: async () => (await answer(api.GET('/api/v1/trains/', { params: { query: { page_size: 50 } } }))).results.map(trainFromApi),
    refetchInterval: (query) => pace(query.state.data?.some((train) => trainMoves(train.state)) ?? false),
  })
}

export function useTrain(id: MaybeRefOrGetter<number>) {
  return useQuery({
    queryKey: computed(() => trainKeys.detail(toValue(id))),
    queryFn: async () => trainDetailFromApi(await answer(api.GET('/api/v1/trains/{id}/', { params: { path: { id: toValue(id) } } }))),
    refetchInterval: (query) => pace(query.state.data ? trainMoves(query.state.data.state) : false),
  })
}

export function useTrainTimeline(id: MaybeRefOrGetter<number>, state: MaybeRefOrGetter<TrainState | undefined>) {
  return useQuery({
    queryKey: computed(() => trainKeys.timeline(toValue(id))),
    queryFn: async () => {
      const path = { id: toValue(id) }
      const rows = await allRows((query) => answer(api.GET('/api/v1/trains/{id}/timeline/', { params: { path, query } })))
      return rows.map(auditFromApi)
    },
    refetchInterval: () => {
      const known = toValue(state)
      return known !== undefined && trainMoves(known) ? pace(true) : false
    },
  })
}

const PATH = {
  submit: '/api/v1/trains/{id}/submit/',
  cancel: '/api/v1/trains/{id}/cancel/',
  approve: '/api/v1/trains/{id}/approve/',
  reject: '/api/v1/trains/{id}/reject/',
  withdraw: '/api/v1/trains/{id}/withdraw/',
  revoke: '/api/v1/trains/{id}/revoke/',
  pause: '/api/v1/trains/{id}/pause/',
  resume: '/api/v1/trains/{id}/resume/',
  roll_back: '/api/v1/trains/{id}/rollback/',
} as const satisfies Partial<Record<RolloutEvent, string>>

export type TrainEvent = keyof typeof PATH
export const isTrainEvent = (event: RolloutEvent): event is TrainEvent => event in PATH

export interface TrainRequest {
  id: number
  event: TrainEvent
  reason: string
  fingerprint: string
  key: string
}

export function useTrainEvent() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ id, event, key, ...body }: TrainRequest) => {
      // Each event has a path of its own, and takes what approve takes.
      const path = PATH[event] as typeof PATH.approve
      return trainDetailFromApi(await answer(api.POST(path, { params: { path: { id } }, body, headers: { 'Idempotency-Key': key } })))
    },
    onSuccess: (train) => client.setQueryData(trainKeys.detail(train.id), train),
    onSettled: () => client.invalidateQueries(),
  })
}

export function useAskForTrain() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ key, ...body }: TrainBody & { key: string }) =>
      trainDetailFromApi(await answer(api.POST('/api/v1/trains/', { body, headers: { 'Idempotency-Key': key } }))),
    onSettled: () => client.invalidateQueries(),
  })
}

/** What a train may be made of: services with their versions, and plans. */
export function useMaterial() {
  return useQuery({
    queryKey: ['train-material'],
    queryFn: async () => {
      const [services, versions, plans] = await Promise.all([
        allRows((query) => answer(api.GET('/api/v1/services/', { params: { query } }))),
        allRows((query) => answer(api.GET('/api/v1/versions/', { params: { query } }))),
        allRows((query) => answer(api.GET('/api/v1/plans/', { params: { query } }))),
      ])
      return {
        services: services.map((row) => ({ id: row.id, name: row.name, place: `${row.cluster} / ${row.namespace}`, stable: row.stable })),
        versions: versions.map((row) => ({ id: row.id, name: row.name, service: row.service.id })),
        plans: plans.map((row) => ({ id: row.id, name: row.name, weights: row.steps.map((step) => step.weight) })),
      }
    },
    staleTime: 30_000,
  })
}
