/** Words for numbers and times in the language of the page. */
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { createFormat, durationParts, type DurationPart } from '@/format'

const PART = { d: 'time.d', h: 'time.h', min: 'time.min', s: 'time.s' } satisfies Record<DurationPart, string>

/** The portal's time zone, so that dashboard and admin name the same hour; the browser's if the page does not say. */
export function portalZone(): string {
  const named = document.querySelector<HTMLMetaElement>('meta[name="weir-time-zone"]')?.content
  return named || Intl.DateTimeFormat().resolvedOptions().timeZone
}

export function useFormat() {
  const { t, locale } = useI18n()
  const zone = portalZone()
  const f = computed(() => createFormat(locale.value, zone))

  function duration(seconds: number): string {
    return durationParts(seconds)
      .map(({ part, value, pad }) => t(PART[part], { n: pad ? String(value).padStart(2, '0') : String(value) }))
      .join(' ')
  }
  const ago = (ms: number, now: number): string => t('time.ago', { duration: duration((now - ms) / 1000) })
  const ahead = (ms: number, now: number): string => t('time.in', { duration: duration((ms - now) / 1000) })

  return { f, duration, ago, ahead, relative: (ms: number, now: number): string => (ms > now ? ahead(ms, now) : ago(ms, now)) }
}
