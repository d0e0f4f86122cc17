import { describe, expect, test } from 'vitest'
import { show } from '@/testing/mount'
import { rollout as row } from '../../../../dev/mock-shop'
import { rolloutFromApi, type Emergency } from '../rollout'
import EmergencyNote from './EmergencyNote.vue'

const DUE = '2026-11-11T08:00:00Z'
const now = Date.parse('2026-11-11T07:00:00Z')
const declared = {
  incident: 'INC-7',
  reason: 'The checkout fails for everybody.',
  declared_by: { id: 3, username: 'operator', name: 'Operator' },
  declared_at: '2026-11-10T08:00:00Z',
  due_at: DUE,
  overdue: false,
  reviewed_by: null,
  reviewed_at: null,
  outcome: 'justified' as const,
  findings: '',
}

function emergency(changes: object = {}): Emergency {
  const raw = row(10, (en) => en)
  const known = raw && rolloutFromApi({ ...raw, emergency: { ...declared, ...changes } }).emergency
  if (!known) throw new Error('The demo shop has no rollout 10.')
  return known
}
const note = (changes: object = {}, at = now) => show(EmergencyNote, { emergency: emergency(changes), rolloutId: 10, now: at })

describe('an emergency release', () => {
  test('a rollout that waited for its votes has none', () => {
    const raw = row(10, (en) => en)
    expect(raw && rolloutFromApi(raw).emergency).toBeNull()
  })

  test('says who declared it, why, and leads to the review', async () => {
    const wrapper = await note()
    expect(wrapper.get('h2').text()).toContain('INC-7')
    expect(wrapper.text()).toContain('Declared by Operator: The checkout fails for everybody.')
    expect(wrapper.text()).toContain('Somebody else reviews it by')
    expect(wrapper.get('a').attributes('href')).toBe('/admin/releases/rollout/10/change/')
  })

  test('says that an overdue review blocks the next', async () => {
    const wrapper = await note({ overdue: true }, Date.parse(DUE) + 3_600_000)
    expect(wrapper.text()).toContain('The review was due 1 h')
    expect(wrapper.text()).toContain('No other emergency begins')
  })

  test('keeps what was found, and asks for no second review', async () => {
    const wrapper = await note({
      reviewed_by: { id: 4, username: 'approver', name: 'Approver' },
      outcome: 'not_justified',
      findings: 'No incident.',
    })
    expect(wrapper.text()).toContain('Reviewed by Approver: not justified. No incident.')
    expect(wrapper.find('a').exists()).toBe(false)
  })
})
