/** Mounts a component with everything the application gives it: messages, routes, a query client without retries. */
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { mount, type VueWrapper } from '@vue/test-utils'
import type { Component } from 'vue'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import en from '@/locales/en.json'
import zh from '@/locales/zh-Hans.json'
import { routes } from '@/router'

export async function show(
  component: Component,
  props: Record<string, unknown> = {},
  options: { locale?: string; path?: string } = {},
): Promise<VueWrapper> {
  const router = createRouter({ history: createMemoryHistory(), routes })
  await router.push(options.path ?? '/')
  const i18n = createI18n({ legacy: false, locale: options.locale ?? 'en', messages: { en, 'zh-Hans': zh } })
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  return mount(component, { props, attachTo: document.body, global: { plugins: [i18n, router, [VueQueryPlugin, { queryClient }]] } })
}

/** The button a person would look for by its words. */
export function button(wrapper: VueWrapper, name: string) {
  const found = wrapper.findAll('button').find((one) => one.text().includes(name) || one.attributes('aria-label')?.includes(name))
  if (!found)
    throw new Error(
      `No button says “${name}”: ${wrapper
        .findAll('button')
        .map((one) => one.text())
        .join(', ')}`,
    )
  return found
}
