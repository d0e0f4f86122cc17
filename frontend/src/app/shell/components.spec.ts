import { describe, expect, test, vi } from 'vitest'
import { nextTick } from 'vue'
import { Problem } from '@/api/problem'
import AttentionList from '@/app/overview/components/AttentionList.vue'
import { i18n, localeOf, showLocale } from '@/i18n'
import { button, show } from '@/testing/mount'
import { fakePortal } from '@/testing/portal'
import AppLink from './AppLink.vue'
import LanguageSwitch from './LanguageSwitch.vue'
import ProblemNote from './ProblemNote.vue'
import ThemeSwitch from './ThemeSwitch.vue'
import { installTheme } from './theme'

describe('a problem', () => {
  test('is announced with what to do, and can be tried again', async () => {
    const wrapper = await show(ProblemNote, { error: new Problem('upstream', 'Prometheus did not answer in 5 s.', 502) })
    expect(wrapper.find('[role=alert]').text()).toContain('Prometheus did not answer in 5 s.')
    await button(wrapper, 'Try again').trigger('click')
    expect(wrapper.emitted('retry')).toHaveLength(1)
  })

  test('of rights offers no useless retry', async () => {
    const wrapper = await show(ProblemNote, { error: new Problem('forbidden', 'Needs the role auditor.', 403) })
    expect(wrapper.findAll('button')).toEqual([])
    expect(wrapper.text()).toContain('Needs the role auditor.')
  })
})

describe('attention', () => {
  const item = (key: string) => ({
    key,
    kind: 'drift',
    severity: 'hold',
    service: 1,
    rollout: 1,
    title: `${key} is paused`,
    text: 'why',
    action: { label: 'Look', href: '/rollouts/1' },
  })

  test('only the most urgent item has the primary button', async () => {
    const wrapper = await show(AttentionList, { items: [item('a'), item('b')] })
    expect(wrapper.findAll('li a').map((link) => link.classes('primary'))).toEqual([true, false])
  })

  test('an item that arrives while one points at the list does not push the others', async () => {
    const wrapper = await show(AttentionList, { items: [item('a')] })
    await wrapper.find('section').trigger('pointerenter', { pointerType: 'mouse' })
    await wrapper.setProps({ items: [item('new'), item('a')] })
    expect(wrapper.findAll('li')).toHaveLength(1)
    await button(wrapper, 'Order changed').trigger('click')
    expect(wrapper.findAll('li b').map((one) => one.text())).toEqual(['new is paused', 'a is paused'])
  })

  test('nothing to do is said', async () => expect((await show(AttentionList, { items: [] })).text()).toContain('Nothing needs a person'))
})

describe('links', () => {
  test('into the admin load a page, into the dashboard do not', async () => {
    expect((await show(AppLink, { href: '/admin/releases/rollout/1/change/' })).find('a').attributes('href')).toBe(
      '/admin/releases/rollout/1/change/',
    )
    const inside = await show(AppLink, { href: '/rollouts/1' })
    await inside.find('a').trigger('click')
    await vi.waitFor(() => expect(inside.vm.$route.path).toBe('/rollouts/1'), { timeout: 5_000 })
  })
})

describe('language', () => {
  test('changes at once and tells the portal', async () => {
    const { received } = fakePortal({ 'POST /i18n/setlang/': { body: {} } })
    const wrapper = await show(LanguageSwitch)
    await button(wrapper, '中文').trigger('click')
    await vi.waitFor(() => expect(received).toHaveLength(1))
    expect(document.documentElement.lang).toBe('zh-Hans')
    expect(i18n.global.locale.value).toBe('zh-Hans')
    expect(received[0]).toMatchObject({ method: 'POST', path: '/i18n/setlang/', body: 'language=zh-hans' })
    await showLocale('en')
  })

  test.each([
    ['zh-hans', 'zh-Hans'],
    ['zh-CN', 'zh-Hans'],
    ['en', 'en'],
    ['', 'en'],
  ])('the page’s %s is %s', (tag, locale) => expect(localeOf(tag)).toBe(locale))
})

describe('theme', () => {
  test('goes from automatic to light to dark and is remembered', async () => {
    installTheme()
    const wrapper = await show(ThemeSwitch)
    const press = async () => {
      await wrapper.find('button').trigger('click')
      await nextTick()
      return [document.documentElement.dataset.theme, localStorage.getItem('weir-theme')]
    }
    expect(await press()).toEqual(['light', 'light'])
    expect(await press()).toEqual(['dark', 'dark'])
    expect(await press()).toEqual(['auto', 'auto'])
  })
})
