import './styles/index.css'
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { createApp } from 'vue'
import { asProblem } from '@/api/problem'
import App from '@/app/shell/App.vue'
import { installTheme } from '@/app/shell/theme'
import { i18n, localeOf, showLocale } from '@/i18n'
import { router } from '@/router'

const RETRIES = 2

/** Only what may pass by itself is tried again at once; polling asks again anyway. */
function worthRetrying(failures: number, error: Error): boolean {
  return failures < RETRIES && ['network', 'upstream', 'server'].includes(asProblem(error).kind)
}

async function start(): Promise<void> {
  installTheme()
  await showLocale(localeOf(document.documentElement.lang))
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: worthRetrying, staleTime: 1_000, networkMode: 'always' } } })
  createApp(App).use(i18n).use(router).use(VueQueryPlugin, { queryClient }).mount('#app')
}

void start()
