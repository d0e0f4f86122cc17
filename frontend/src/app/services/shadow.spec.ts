import { flushPromises } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import ServiceRow from '@/app/overview/components/ServiceRow.vue'
import { serviceRowFromApi } from '@/app/overview/overview'
import RolloutView from '@/app/rollouts/views/RolloutView.vue'
import { fakePortal } from '@/testing/portal'
import { show } from '@/testing/mount'
import { rollout, SERVICES } from '../../../dev/mock-shop'
import ServicesView from './views/ServicesView.vue'
import ServiceView from './views/ServiceView.vue'

const say = (en: string): string => en
const shop = (shadow: boolean) => {
  const [service] = SERVICES
  if (!service) throw new Error('the shop is empty')
  return { ...service, shadow }
}

const listed = (shadow: boolean) => ({
  service: shop(shadow),
  stable: shop(shadow).stable,
  candidate: null,
  traffic: {
    declared: { v1: 100 },
    configured: { v1: 100 },
    observed: null,
    requests: null,
    observed_seconds: 60,
    sticky: null,
    matched: true,
    problem: '',
  },
  rollout: null,
  last_rollout: null,
  metrics: {},
  spark: {},
})

describe('shadow mode is said where a verdict could be taken for a decision', () => {
  test.each([
    [true, 1],
    [false, 0],
  ])('on the page of a service: %s', async (shadow, notes) => {
    fakePortal({ 'GET /api/v1/services/1/': { body: shop(shadow) } })
    const page = await show(ServiceView, { id: 1 })
    await flushPromises()
    expect(page.findAll('[role="note"]')).toHaveLength(notes)
  })

  test.each([
    [true, 1],
    [false, 0],
  ])('on the page of a rollout, in Chinese too: %s', async (shadow, notes) => {
    const row = rollout(12, say)
    if (!row) throw new Error('no such rollout')
    fakePortal({ 'GET /api/v1/rollouts/12/': { body: { ...row, service: shop(shadow) } } })
    const page = await show(RolloutView, { id: 12 }, { locale: 'zh-Hans' })
    await flushPromises()
    const found = page.findAll('[role="note"]')
    expect(found).toHaveLength(notes)
    if (shadow) expect(found[0]?.text()).toContain('影子模式')
  })

  test.each([true, false])('in the row of the overview: %s', async (shadow) => {
    const service = serviceRowFromApi(listed(shadow))
    const row = await show(ServiceRow, { service, now: Date.UTC(2026, 10, 10) })
    expect(row.text().includes('Shadow mode')).toBe(shadow)
  })

  test.each([true, false])('in the list of services: %s', async (shadow) => {
    fakePortal({ 'GET /api/v1/overview/': { body: { services: [listed(shadow)], attention: [], next: [], health: [], windows: [] } } })
    const page = await show(ServicesView)
    await flushPromises()
    expect(page.text().includes('Shadow mode')).toBe(shadow)
  })
})
