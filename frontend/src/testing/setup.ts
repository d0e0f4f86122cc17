/** What happy-dom lacks: an observer of sizes (everything is 480 px wide) and modal dialogs. */
import { enableAutoUnmount } from '@vue/test-utils'
import { afterEach, beforeEach } from 'vitest'

const WIDTH = 480

class FixedSize implements ResizeObserver {
  constructor(private readonly told: ResizeObserverCallback) {}
  observe(target: Element): void {
    const entry = { target, contentRect: { width: WIDTH, height: 200 } } as unknown as ResizeObserverEntry
    this.told([entry], this)
  }
  unobserve(): void {}
  disconnect(): void {}
}

globalThis.ResizeObserver = FixedSize

// A page that stays mounted would go on polling a portal that is gone.
enableAutoUnmount(afterEach)

beforeEach(() => {
  document.body.innerHTML = ''
  localStorage.clear()
})
