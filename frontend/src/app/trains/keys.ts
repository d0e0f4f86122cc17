/** Keys of what is remembered of release trains. */
export const trainKeys = {
  all: ['trains'] as const,
  list: ['trains', 'list'] as const,
  detail: (id: number) => ['trains', id] as const,
  timeline: (id: number) => ['trains', id, 'timeline'] as const,
}
