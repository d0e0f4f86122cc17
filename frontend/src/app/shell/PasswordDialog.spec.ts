import { flushPromises } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import { answer, api } from '@/api/client'
import { show } from '@/testing/mount'
import { fakePortal } from '@/testing/portal'
import { button } from '@/testing/mount'
import PasswordDialog from './PasswordDialog.vue'

const PAUSE = 'POST /api/v1/rollouts/10/pause/'
const CONFIRM = 'POST /api/v1/me/confirm/'
const WANTED = { status: 403, body: { code: 'password_needed', detail: 'Please give your password again.', errors: [] } }

function pause() {
  const header = { 'Idempotency-Key': 'k1' }
  return answer(api.POST('/api/v1/rollouts/{id}/pause/', { params: { path: { id: 10 }, header }, body: { reason: 'Look.' } }))
}

describe('the dialog for the password', () => {
  test('sends what waited again, as it was, once the password is confirmed', async () => {
    const portal = fakePortal({ [PAUSE]: WANTED, [CONFIRM]: { status: 204, body: null } })
    const wrapper = await show(PasswordDialog)
    const paused = pause()
    await flushPromises()
    expect(wrapper.find('dialog').attributes('open')).toBeDefined()
    expect(document.activeElement?.id).toBe('password-again')
    portal.answers[PAUSE] = { body: { id: 10 } }
    await wrapper.find('input').setValue('correct horse')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(await paused).toEqual({ id: 10 })
    expect(portal.received.map((one) => `${one.method} ${one.path}`)).toEqual([PAUSE, CONFIRM, PAUSE])
    expect(portal.received[1]?.body).toEqual({ password: 'correct horse' })
    expect(portal.received[2]?.body).toEqual(portal.received[0]?.body)
    expect(wrapper.find('dialog').attributes('open')).toBeUndefined()
    expect(wrapper.find('input').element.value).toBe('')
  })

  test('stays, says so and sends nothing when the password is wrong', async () => {
    const portal = fakePortal({
      [PAUSE]: WANTED,
      [CONFIRM]: { status: 403, body: { code: 'not_allowed', detail: 'This password is not right.', errors: [] } },
    })
    const wrapper = await show(PasswordDialog)
    const paused = pause().catch((error: unknown) => error)
    await flushPromises()
    await wrapper.find('input').setValue('wrong')
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(wrapper.text()).toContain('This password is not right.')
    expect(portal.received.filter((one) => one.path.endsWith('/pause/'))).toHaveLength(1)
    await button(wrapper, 'Go back').trigger('click')
    expect(await paused).toMatchObject({ message: 'Please give your password again.' })
  })

  test('does not ask for other refusals', async () => {
    fakePortal({ [PAUSE]: { status: 403, body: { code: 'not_allowed', detail: 'No role.', errors: [] } } })
    const wrapper = await show(PasswordDialog)
    await expect(pause()).rejects.toMatchObject({ kind: 'forbidden' })
    expect(wrapper.find('dialog').attributes('open')).toBeUndefined()
  })
})
