/** What happy-dom lacks: an observer of sizes (everything is 480 px wide) and modal dialogs. */
import { beforeEach } from 'vitest'

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

beforeEach(() => {
  document.body.innerHTML = ''
  localStorage.clear()
})
