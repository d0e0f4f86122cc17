/** Languages: the message files, which one is loaded, and telling the portal about a change. */
import { createI18n } from 'vue-i18n'
import { csrfToken } from '@/api/client'

export const LOCALES = ['en', 'zh-Hans'] as const
export type Locale = (typeof LOCALES)[number]

const FILES = {
  en: () => import('./locales/en.json'),
  'zh-Hans': () => import('./locales/zh-Hans.json'),
} satisfies Record<Locale, () => Promise<unknown>>

/** How the portal spells the language (Django's codes are lower case). */
const PORTAL_CODE = { en: 'en', 'zh-Hans': 'zh-hans' } satisfies Record<Locale, string>

export const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: [], messages: {}, missingWarn: true })

export function localeOf(tag: string): Locale {
  return tag.toLowerCase().startsWith('zh') ? 'zh-Hans' : 'en'
}

/** Loads the messages before the switch, so that no page is ever shown half translated. */
export async function showLocale(locale: Locale): Promise<void> {
  if (!i18n.global.availableLocales.includes(locale)) {
    i18n.global.setLocaleMessage(locale, (await FILES[locale]()).default)
  }
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
}

/** Remembers the choice in the portal, so that the admin, the API's sentences and the next visit follow it. */
export async function saveLocale(locale: Locale): Promise<void> {
  await fetch('/i18n/setlang/', {
    method: 'POST',
    credentials: 'same-origin',
    redirect: 'manual',
    headers: { 'X-CSRFToken': csrfToken(), Accept: 'application/json' },
    body: new URLSearchParams({ language: PORTAL_CODE[locale] }),
  })
}
