import { flushPromises } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import { button, show } from '@/testing/mount'
import { fakePortal } from '@/testing/portal'
import { rollout } from '../../../../dev/mock-shop'
import { rolloutDetailFromApi, type RolloutEvent } from '../rollout'
import EventButton from './EventButton.vue'
import EventDialog from './EventDialog.vue'

const raw = rollout(10, (en) => en)
if (!raw) throw new Error('The demo shop has no rollout 10.')
const page = rolloutDetailFromApi(raw)
const event = (name: RolloutEvent, allowed = true) => ({ event: name, allowed, why: allowed ? '' : 'Needs the role operator.' })

async function dialog(name: RolloutEvent) {
  const wrapper = await show(EventDialog, { rollout: page })
  await (wrapper.vm as unknown as { open: (one: ReturnType<typeof event>) => Promise<void> }).open(event(name))
  return wrapper
}

describe('the dialog of an event', () => {
  test('says what will happen, with the versions by name', async () => {
    const wrapper = await dialog('roll_back')
    expect(wrapper.text()).toContain('All traffic of payment goes back to v1 at once.')
  })

  test('rolls back without a reason', async () => {
    const { received } = fakePortal({ 'POST /api/v1/rollouts/10/rollback/': { body: raw } })
    const wrapper = await dialog('roll_back')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(received.map((one) => `${one.method} ${one.path}`)).toContain('POST /api/v1/rollouts/10/rollback/')
    expect(wrapper.find('dialog').exists()).toBe(false)
  })

  test('does not send an event that needs a reason without one', async () => {
    const { received } = fakePortal({})
    const wrapper = await dialog('promote')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(received).toEqual([])
    expect(wrapper.find('[role=alert]').text()).toContain('Say why')
    expect(document.activeElement).toBe(wrapper.find('textarea').element)
  })

  test('sends weight, reason, CSRF token and a key against doing it twice', async () => {
    document.head.innerHTML = '<meta name="csrf-token" content="token-of-the-page">'
    const { received } = fakePortal({ 'POST /api/v1/rollouts/10/set-weight/': { body: raw } })
    const wrapper = await dialog('set_weight')
    await wrapper.find('input[type=number]').setValue(35)
    await wrapper.find('textarea').setValue('More load for the test.')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    const sent = received[0]
    expect(sent?.body).toEqual({ reason: 'More load for the test.', weight: 35 })
    expect(sent?.headers.get('X-CSRFToken')).toBe('token-of-the-page')
    expect(sent?.headers.get('Idempotency-Key')).toMatch(/^[0-9a-f]{32}$/)
  })

  test('a refusal stays in the dialog and says what to do', async () => {
    fakePortal({
      'POST /api/v1/rollouts/10/pause/': { status: 409, body: { code: 'lost_race', detail: 'Somebody was faster.', errors: [] } },
    })
    const wrapper = await dialog('pause')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(wrapper.text()).toContain('Somebody was faster.')
    expect(wrapper.text()).toContain('Look again and decide again.')
    expect(wrapper.find('dialog').attributes('open')).toBeDefined()
  })

  test('a lost answer is sent again under the same key', async () => {
    const portal = fakePortal({ 'POST /api/v1/rollouts/10/pause/': 'unreachable' })
    const wrapper = await dialog('pause')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    portal.answers['POST /api/v1/rollouts/10/pause/'] = { body: raw }
    await button(wrapper, 'Try again').trigger('click')
    await flushPromises()
    const keys = portal.received.map((one) => one.headers.get('Idempotency-Key'))
    expect(keys).toHaveLength(2)
    expect(keys[0]).toBe(keys[1])
  })
})

describe('the button of an event', () => {
  test('that may not be used keeps its place and says why', async () => {
    const wrapper = await show(EventButton, { event: event('promote', false), rolloutId: 10 })
    const shown = button(wrapper, 'Promote')
    expect(shown.attributes('aria-disabled')).toBe('true')
    const reason = wrapper.find(`[id="${shown.attributes('aria-describedby')}"]`)
    expect(reason.text()).toBe('Needs the role operator.')
    await shown.trigger('click')
    expect(wrapper.emitted('choose')).toBeUndefined()
  })

  test('that may be used is chosen', async () => {
    const wrapper = await show(EventButton, { event: event('pause'), rolloutId: 10 })
    await button(wrapper, 'Pause').trigger('click')
    expect(wrapper.emitted('choose')).toHaveLength(1)
  })

  test('of approving leads to the decision page', async () => {
    const wrapper = await show(EventButton, { event: event('approve'), rolloutId: 10 })
    expect(wrapper.find('a').attributes('href')).toBe('/admin/releases/rollout/10/change/')
  })
})
