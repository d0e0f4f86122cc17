/** Under which keys the cache holds what was read of rollouts. */
export const rolloutKeys = {
  all: ['rollouts'] as const,
  ofService: (service: number) => [...rolloutKeys.all, 'service', service] as const,
  detail: (id: number | null) => [...rolloutKeys.all, id] as const,
  part: (id: number | null, part: 'verdicts' | 'timeline' | 'preview' | 'rehearsal') => [...rolloutKeys.detail(id), part] as const,
}
