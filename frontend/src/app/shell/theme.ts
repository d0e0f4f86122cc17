/** Light, dark or as the system says; one key in the browser's storage, shared with the admin. */
import { ref, watchEffect } from 'vue'

const KEY = 'weir-theme'
export const THEMES = ['auto', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const theme = ref<Theme>(stored())

function stored(): Theme {
  const value = localStorage.getItem(KEY)
  return THEMES.find((known) => known === value) ?? 'auto'
}

export function useTheme() {
  return {
    theme,
    next: () => {
      theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'auto'
      localStorage.setItem(KEY, theme.value)
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
