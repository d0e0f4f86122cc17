/** Filters and ranges live in the URL, so that a link shows what its sender saw. */
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** A query parameter with a default; the default is left out of the URL. */
export function useUrlText(name: string, fallback = ''): WritableComputedRef<string> {
  const route = useRoute()
  const router = useRouter()
  return computed({
    get: () => {
      const value = route.query[name]
      return typeof value === 'string' ? value : fallback
    },
    set: (value) => {
      const kept = value === fallback || value === '' ? undefined : value
      void router.replace({ query: { ...route.query, [name]: kept } })
    },
  })
}

/** The same for a closed set of values; anything else in the URL counts as the default. */
export function useUrlChoice<Value extends string>(name: string, allowed: readonly Value[], fallback: Value): WritableComputedRef<Value> {
  const text = useUrlText(name, fallback)
  return computed({
    get: () => allowed.find((value) => value === text.value) ?? fallback,
    set: (value) => (text.value = value),
  })
}
