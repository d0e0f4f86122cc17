/** Under which keys the cache holds what was read of services. */
export const serviceKeys = {
  all: ['services'] as const,
  detail: (id: number | null) => [...serviceKeys.all, id] as const,
  traffic: (id: number | null) => [...serviceKeys.detail(id), 'traffic'] as const,
  series: (id: number | null, range: { seconds: number; step: number; until?: number }) =>
    [...serviceKeys.detail(id), 'series', range] as const,
}
