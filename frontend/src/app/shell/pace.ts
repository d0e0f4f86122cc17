/** How often the server is asked: fast while something may change by itself and no stream tells of it, slow otherwise. */
import { ref } from 'vue'

export const LIVE_MS = 2_000
export const CALM_MS = 15_000

/** Whether the live stream stands; only the stream sets it. */
export const streaming = ref(false)

export function pace(moves: boolean, fast = LIVE_MS): number {
  return moves && !streaming.value ? fast : CALM_MS
}
