import { flushPromises } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import type { TrainDetailRow } from '@/api/contract'
import { button, show } from '@/testing/mount'
import { fakePortal } from '@/testing/portal'
import { rollout } from '../../../dev/mock-shop'
import { gapInMembers, jointVotes } from './train'
import NewTrainView from './views/NewTrainView.vue'
import TrainsView from './views/TrainsView.vue'
import TrainView from './views/TrainView.vue'

const member = (id: number) => {
  const row = rollout(id, (en) => en)
  if (!row) throw new Error(`The demo shop has no rollout ${id}.`)
  return row
}
const TRAIN = {
  id: 3,
  number: 'T-3',
  name: 'checkout',
  order: 'ordered',
  state: 'pending',
  fingerprint: '9f3c71ab02de'.padEnd(64, '0'),
  created_by: { id: 1, name: 'requester' },
  created_at: '2026-11-11T09:00:00Z',
  rollouts: [member(11), member(10)],
  events: ['approve', 'reject', 'withdraw'],
  allowed_events: [
    { event: 'approve', slug: 'approve', allowed: true, why: '' },
    { event: 'reject', slug: 'reject', allowed: true, why: '' },
    { event: 'withdraw', slug: 'withdraw', allowed: false, why: 'This needs one of these roles: requester.' },
  ],
} as TrainDetailRow
const TOLD = {
  seq: 9,
  at: '2026-11-11T09:00:05Z',
  actor: 'requester',
  channel: 'web',
  action: 'submit',
  outcome: 'done',
  sentence: 'Submitted',
  reason: 'Both or none.',
  rollout: { id: 11, number: 'R-11' },
  before: null,
  after: null,
}
const page = <Row>(results: Row[]) => ({ body: { next: null, previous: null, results } })

describe('the list of release trains', () => {
  test('says what to do while there is none', async () => {
    fakePortal({ 'GET /api/v1/trains/': page([]), 'GET /api/v1/me/': { body: { permissions: ['submit'], roles: [] } } })
    const view = await show(TrainsView)
    await flushPromises()
    expect(view.text()).toContain('A single service needs only a rollout')
    expect(view.get('a.primary').attributes('href')).toBe('/trains/new')
  })
  test('says to those who may not ask for one why', async () => {
    fakePortal({ 'GET /api/v1/trains/': page([]), 'GET /api/v1/me/': { body: { permissions: [], roles: [] } } })
    const view = await show(TrainsView)
    await flushPromises()
    expect(button(view, 'New release train').attributes('aria-disabled')).toBe('true')
    expect(view.text()).toContain('takes the role requester')
  })
  test('names the services in their order, and the state in words', async () => {
    fakePortal({ 'GET /api/v1/trains/': page([TRAIN]) })
    const view = await show(TrainsView)
    await flushPromises()
    expect(view.findAll('tbody li').map((one) => one.text())).toEqual(['product v1 → v2', 'payment v1 → v2'])
    expect(view.get('tbody').text()).toContain('Needs approval')
  })
})

describe('one release train', () => {
  async function shown() {
    const portal = fakePortal({
      'GET /api/v1/trains/3/': { body: TRAIN },
      'GET /api/v1/trains/3/timeline/': page([TOLD]),
      'POST /api/v1/trains/3/approve/': { body: { ...TRAIN, state: 'approved' } },
    })
    const view = await show(TrainView, { id: 3 })
    await flushPromises()
    return { portal, view }
  }
  test('tells what was done with its reason, and to which rollout', async () => {
    const { view } = await shown()
    const told = view.get('[aria-labelledby=timeline]')
    expect(told.text()).toContain('Both or none.')
    expect(told.get('a').text()).toBe('R-11')
  })
  test('bars what this person may not do, with the reason', async () => {
    const { view } = await shown()
    expect(button(view, 'Withdraw').attributes('aria-disabled')).toBe('true')
    expect(view.text()).toContain('This needs one of these roles: requester.')
  })
  test('is approved by its joint fingerprint, after a way to read what each service would write', async () => {
    const { portal, view } = await shown()
    await button(view, 'Review and approve').trigger('click')
    await flushPromises()
    expect(view.findAll('dialog li a').map((one) => one.attributes('href'))).toEqual([
      '/admin/releases/rollout/11/change/',
      '/admin/releases/rollout/10/change/',
    ])
    await view.get('dialog form').trigger('submit')
    await flushPromises()
    const sent = portal.received.find((one) => one.method === 'POST')
    expect(sent?.body).toEqual({ reason: '', fingerprint: TRAIN.fingerprint })
    expect(view.find('dialog').exists()).toBe(false)
  })
})

describe('the joint approval', () => {
  const vote = {
    id: 1,
    by: 'approver',
    decision: 'approve' as const,
    reason: 'Read.',
    fingerprint: 'f',
    at: 5,
    voided: false,
    voidedWhy: '',
  }
  const of = (name: string, ...approvals: (typeof vote)[]) => ({ service: { ...member(11).service, name }, approvals })
  test('is one line per person, not one per service', () => {
    expect(jointVotes([of('product', vote), of('order', { ...vote, id: 2, at: 6 })])).toMatchObject([
      { by: 'approver', services: ['product', 'order'], approves: true },
    ])
  })
  test('keeps a vote that no longer counts apart', () => {
    expect(jointVotes([of('product', { ...vote, voided: true }), of('order', vote)]).map((one) => one.voided)).toEqual([true, false])
  })
})

describe('asking for a release train', () => {
  test.each([
    ['one service is none', [{ key: 1, service: 1, candidate: 2, plan: 3 }], 'trains.new.two'],
    [
      'a row that is not filled in',
      [
        { key: 1, service: 1, candidate: 2, plan: 3 },
        { key: 2, service: 2, candidate: '', plan: 3 },
      ],
      'trains.new.choose',
    ],
    [
      'a service twice',
      [
        { key: 1, service: 1, candidate: 2, plan: 3 },
        { key: 2, service: 1, candidate: 4, plan: 3 },
      ],
      'trains.new.once',
    ],
    [
      'nothing wrong',
      [
        { key: 1, service: 1, candidate: 2, plan: 3 },
        { key: 2, service: 2, candidate: 4, plan: 3 },
      ],
      null,
    ],
  ] as const)('%s', (_, members, gap) => expect(gapInMembers(members)).toBe(gap))

  test('chooses the only version there is, and sends what was filled in', async () => {
    const services = [1, 2].map((id) => ({
      id,
      name: ['product', 'order'][id - 1],
      cluster: 'lab',
      namespace: 'shop',
      stable: { id: id * 10, name: 'v1' },
    }))
    const versions = [1, 2].flatMap((id) => [1, 2].map((n) => ({ id: id * 10 + n - 1, name: `v${n}`, service: { id } })))
    const portal = fakePortal({
      'GET /api/v1/services/': page(services),
      'GET /api/v1/versions/': page(versions),
      'GET /api/v1/plans/': page([{ id: 5, name: 'canary', steps: [{ weight: 5 }, { weight: 100 }] }]),
      'POST /api/v1/trains/': { status: 201, body: TRAIN },
    })
    const view = await show(NewTrainView, {}, { path: '/trains/new' })
    await flushPromises()
    await button(view, 'Make the drafts').trigger('submit')
    expect(view.get('[role=alert]').text()).toContain('Choose service, version and plan')
    const selects = view.findAll('select')
    for (const [index, value] of [
      [0, 1],
      [2, 5],
      [3, 2],
      [5, 5],
    ] as const)
      await selects[index]?.setValue(String(value))
    expect(selects[1]?.findAll('option').map((one) => one.text())).toEqual(['Choose a version', 'v2'])
    for (const field of view.findAll('textarea')) await field.setValue('Said.')
    await view.get('form').trigger('submit')
    await flushPromises()
    expect(portal.received.find((one) => one.method === 'POST')?.body).toEqual({
      name: '',
      order: 'ordered',
      reason: 'Said.',
      impact: 'Said.',
      test_evidence: 'Said.',
      rollback_note: 'Said.',
      ticket: '',
      members: [
        { service: 1, candidate: 11, plan: 5 },
        { service: 2, candidate: 21, plan: 5 },
      ],
    })
    expect(view.vm.$route.path).toBe('/trains/3')
  })
})
