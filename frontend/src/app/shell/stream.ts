/** The live stream: what changed is read again at once; while the stream stands, nothing needs to be polled often. */
import type { QueryClient, QueryKey } from '@tanstack/vue-query'
import { onScopeDispose } from 'vue'
import { rolloutKeys } from '@/app/rollouts/keys'
import { serviceKeys } from '@/app/services/keys'
import { trainKeys } from '@/app/trains/keys'
import { streaming } from './pace'

const PATH = '/api/v1/stream/'
const GATHER_MS = 300

export type NewsKind = 'rollout' | 'snapshot' | 'verdict' | 'traffic' | 'reset'
const KINDS: readonly NewsKind[] = ['rollout', 'snapshot', 'verdict', 'traffic', 'reset']

interface News {
  id?: number
  rollout?: number | null
  service?: number
}

/** What a piece of news makes old. An empty key is everything. */
export function staleKeys(kind: NewsKind, news: News): QueryKey[] {
  if (kind === 'reset') return [[]]
  const service = news.service ?? null
  const rollout = (kind === 'rollout' ? news.id : news.rollout) ?? null
  const ofService = kind === 'verdict' ? [] : [serviceKeys.detail(service)]
  const history = kind === 'rollout' && service !== null ? [rolloutKeys.ofService(service), trainKeys.all, ['me'], ['audit']] : []
  return [['overview'], rolloutKeys.detail(rollout), ...ofService, ...history]
}

/** Listens for as long as the calling scope lives. The browser connects again by itself and says how far it had read. */
export function useStream(client: QueryClient, connect: (path: string) => EventSource = (path) => new EventSource(path)): void {
  const source = connect(PATH)
  let waiting: QueryKey[] = []
  let timer = 0

  function readAgain(): void {
    timer = 0
    const keys = new Map(waiting.map((key) => [JSON.stringify(key), key]))
    waiting = []
    for (const queryKey of keys.values()) void client.invalidateQueries({ queryKey })
  }
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      waiting.push(...staleKeys(kind, JSON.parse((event as MessageEvent<string>).data) as News))
      timer ||= window.setTimeout(readAgain, GATHER_MS)
    })
  }
  source.onopen = () => (streaming.value = true)
  source.onerror = () => (streaming.value = false)
  onScopeDispose(() => {
    source.close()
    streaming.value = false
    clearTimeout(timer)
  })
}
