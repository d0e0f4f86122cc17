/** The width an element has, so that charts are drawn at it and never scaled. */
import { onBeforeUnmount, ref, watch, type Ref } from 'vue'

export function useWidth(element: Readonly<Ref<HTMLElement | null>>): Ref<number> {
  const width = ref(0)
  const observer = new ResizeObserver((entries) => {
    for (const entry of entries) width.value = Math.floor(entry.contentRect.width)
  })
  watch(element, (now, before) => {
    if (before) observer.unobserve(before)
    if (now) observer.observe(now)
  })
  onBeforeUnmount(() => observer.disconnect())
  return width
}
