/** Light, dark or as the system says; one key in the browser's storage, shared with the admin. */
import { ref, watchEffect } from 'vue'

const KEY = 'weir-theme'
export const THEMES = ['auto', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const theme = ref<Theme>(stored())

/** Storage may be forbidden; the system's choice is then the best one. */
function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY)
    return THEMES.find((known) => known === value) ?? 'auto'
  } catch {
    return 'auto'
  }
}

function store(value: Theme): void {
  try {
    localStorage.setItem(KEY, value)
  } catch {
    // The choice then holds for this page only.
  }
}

export function useTheme() {
  return {
    theme,
    next: () => {
      theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'auto'
      store(theme.value)
    },
  }
}

/** Keeps `data-theme` on the page, also when another tab or the admin changed it. */
export function installTheme(): void {
  watchEffect(() => (document.documentElement.dataset.theme = theme.value))
  addEventListener('storage', (event) => {
    if (event.key === KEY) theme.value = stored()
  })
}
