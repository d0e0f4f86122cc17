/** Rows never move under the pointer: order and membership are held while somebody points at, or is inside, the list. */
import { computed, ref, shallowRef, watch, type Ref } from 'vue'

export interface Held<Row> {
  rows: Row[]
  /** Something moved, came or went since the order was last shown. */
  pending: boolean
}

/** Shown rows stay where they are, with their newest values or their last ones; new ones wait to be shown. */
export function holdOrder<Row>(shown: readonly Row[], rows: readonly Row[], keyOf: (row: Row) => string): Held<Row> {
  const newest = new Map(rows.map((row) => [keyOf(row), row]))
  const same = shown.length === rows.length && rows.every((row, index) => keyOf(row) === keyOf(shown[index] as Row))
  return { rows: shown.map((row) => newest.get(keyOf(row)) ?? row), pending: !same }
}

export function useHeld<Row>(rows: Ref<readonly Row[]>, keyOf: (row: Row) => string) {
  const inside = ref(false)
  const shown = shallowRef<readonly Row[]>([])
  const show = (): void => void (shown.value = rows.value)

  watch([rows, inside], () => inside.value || show(), { immediate: true, flush: 'sync' })
  const held = computed(() => holdOrder(shown.value, rows.value, keyOf))
  return {
    rows: computed(() => held.value.rows),
    pending: computed(() => held.value.pending),
    show,
    /** Bind to the element around the rows. A finger does not hover, so touch does not hold. */
    hold: {
      onPointerenter: (event: PointerEvent): void => void (inside.value = event.pointerType !== 'touch'),
      onPointerleave: (): void => void (inside.value = false),
    },
  }
}
