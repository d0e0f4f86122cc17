/** A clock that ticks once a second for as long as somebody looks at it. */
import { onScopeDispose, readonly, ref, type Ref } from 'vue'
import { serverNow } from '@/api/clock'

const TICK_MS = 1_000
const now = ref(serverNow())
let watchers = 0
let timer: ReturnType<typeof setInterval> | undefined

/** Server time in ms, for as long as the calling component lives; the last one to leave stops the timer. */
export function useNow(): Readonly<Ref<number>> {
  if (watchers++ === 0) {
    now.value = serverNow()
    timer = setInterval(() => (now.value = serverNow()), TICK_MS)
  }
  onScopeDispose(() => {
    if (--watchers === 0) clearInterval(timer)
  })
  return readonly(now)
}
