import { flushPromises } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import { button, show } from '@/testing/mount'
import { fakePortal } from '@/testing/portal'
import RulesView from './views/RulesView.vue'

const VERSION = { id: 1, name: 'v1', subset: 'v1', image: '' }
const service = {
  id: 7,
  name: 'order',
  title: '',
  namespace: 'shop',
  cluster: 'lab',
  host: 'order',
  virtual_service: 'order',
  destination_rule: 'order',
  stable: VERSION,
}
const traffic = {
  declared: { v1: 80, v2: 20 },
  configured: { v1: 80, v2: 20 },
  observed: null,
  requests: null,
  matched: true,
  rules: [{ name: 'testers', header: 'x-tester', exact: '1', to: 'candidate' }],
  sticky: null,
  mirror: null,
  drift: null,
  problem: '',
}
const change = (state: string, events: object[]) => ({
  id: 3,
  number: 'T-3',
  service: { id: 7, name: 'order' },
  stable: VERSION,
  candidate: { ...VERSION, id: 2, name: 'v2' },
  spec: { candidate_weight: 30, rules: [] },
  weight: 30,
  state,
  state_label: state,
  needs_vote: true,
  reason: 'Try.',
  problem: '',
  requested_by: { id: 1, name: 'developer' },
  fingerprint: 'f'.repeat(64),
  rollout: null,
  approvals: [],
  approvals_needed: 1,
  allowed_events: events,
  created_at: '2026-01-01T00:00:00Z',
  approved_at: null,
  ended_at: null,
  revision: 1,
})
const preview = {
  stable: 'v1',
  candidate: 'v2',
  needs_vote: true,
  approvals_needed: 2,
  groups: ['sre'],
  within_rollout: null,
  fingerprint: 'f'.repeat(64),
  before: { v1: 80, v2: 20 },
  effective: { v1: 65, v2: 35 },
  objects: [],
  difference: '@@ -1 +1 @@\n-weight: 20\n+weight: 35',
  findings: [{ code: 'WEIR0106', severity: 'warning', path: 'spec', message: 'There is no Gateway.' }],
  sticky_percent: null,
  refusal: '',
  closed: '',
}

async function page(locale = 'en', changes: object[] = [change('applied', [])]) {
  const portal = fakePortal({
    'GET /api/v1/services/7/': { body: service },
    'GET /api/v1/services/7/traffic/': { body: traffic },
    'GET /api/v1/rollouts/': { body: { next: null, previous: null, results: [] } },
    'GET /api/v1/traffic-changes/': { body: { next: null, previous: null, results: changes } },
    'POST /api/v1/traffic-changes/preview/': { body: preview },
    'POST /api/v1/traffic-changes/': { status: 201, body: change('pending', []) },
    'POST /api/v1/services/7/all-back/': { body: { rollout: null, traffic_change: change('applied', []) } },
    'POST /api/v1/traffic-changes/3/apply/': { body: change('applied', []) },
    'POST /api/v1/services/7/route/': {
      body: {
        version: 'v2',
        shares: { v2: 100 },
        action: 'route',
        route: 'weir-testers',
        why: '',
        routes: [{ path: 'spec/http[0]', name: 'weir-testers', managed: true, matched: true, why: 'match[0] holds.' }],
      },
    },
  })
  const wrapper = await show(RulesView, { id: 7 }, { locale, path: '/services/7/rules' })
  await flushPromises()
  await flushPromises()
  const posted = () => portal.received.filter((one) => one.method === 'POST')
  return { wrapper, posted }
}

describe('the rules page', () => {
  test('begins as the mesh is', async () => {
    const { wrapper } = await page()
    expect((wrapper.find('input[type=number]').element as HTMLInputElement).value).toBe('20')
    expect((wrapper.find('fieldset input.mono').element as HTMLInputElement).value).toBe('x-tester')
  })

  test('shows what would be written, and who must approve, before anything is asked for', async () => {
    const { wrapper, posted } = await page()
    await wrapper.find('input[type=range]').setValue(35)
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(posted()[0]?.body).toMatchObject({ service: 7, spec: { candidate_weight: 35, rules: [{ header: 'x-tester' }] } })
    expect(wrapper.text()).toContain('2 people other than you must approve.')
    expect(wrapper.text()).toContain('one of each of these groups: sre')
    expect(wrapper.find('li.added').text()).toContain('weight: 35')
    expect(wrapper.text()).toContain('There is no Gateway.')
  })

  test('asks with the reason for exactly what was previewed', async () => {
    const { wrapper, posted } = await page()
    await wrapper.find('input[type=number]').setValue(35)
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    await button(wrapper, 'Ask for approval').trigger('submit')
    expect(wrapper.find('[role=alert]').text()).toContain('Say why')
    await wrapper.find('form textarea[maxlength]').setValue('It does well.')
    await button(wrapper, 'Ask for approval').trigger('submit')
    await flushPromises()
    expect(posted()[1]?.path).toBe('/api/v1/traffic-changes/')
    expect(posted()[1]?.body).toMatchObject({ reason: 'It does well.', spec: { candidate_weight: 35 } })
    expect(posted()[1]?.headers.get('Idempotency-Key')).toMatch(/^[0-9a-f]{32}$/)
  })

  test('does not ask for what was changed after the preview', async () => {
    const { wrapper, posted } = await page()
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    await wrapper.find('input[type=number]').setValue(90)
    await wrapper.find('form textarea[maxlength]').setValue('It does well.')
    await button(wrapper, 'Ask for approval').trigger('submit')
    await flushPromises()
    expect(posted()).toHaveLength(1)
    expect(wrapper.text()).toContain('look again before you ask')
  })

  test('names what is missing and sends nothing', async () => {
    const { wrapper, posted } = await page()
    await button(wrapper, 'Add a rule').trigger('click')
    await wrapper.find('form').trigger('submit')
    expect(wrapper.find('[role=alert]').text()).toBe('Rule 2 needs a name and a value.')
    expect(posted()).toEqual([])
  })

  test('tries a request on what is being edited', async () => {
    const { wrapper, posted } = await page()
    const form = wrapper.findAll('form').find((one) => one.text().includes('Where does it go?'))
    await form?.trigger('submit')
    await flushPromises()
    expect(posted()[0]?.body).toMatchObject({ path: '/', headers: { 'x-user-id': '42' }, spec: { candidate_weight: 20 } })
    expect(wrapper.text()).toContain('Goes to v2.')
    expect(wrapper.find('li.hit').text()).toContain('weir-testers')
  })

  test('gives everything back by one click and its confirmation, without a reason', async () => {
    const { wrapper, posted } = await page()
    await button(wrapper, 'All back').trigger('click')
    await button(wrapper, 'All back now').trigger('submit')
    await flushPromises()
    expect(posted().map((one) => one.path)).toEqual(['/api/v1/services/7/all-back/'])
  })

  test('lets a change be applied, and says why one may not', async () => {
    const events = [
      { event: 'apply', allowed: true, why: '' },
      { event: 'withdraw', allowed: false, why: 'Needs the role operator.' },
    ]
    const { wrapper, posted } = await page('en', [change('approved', events)])
    expect(wrapper.text()).toContain('Withdraw: Needs the role operator.')
    await button(wrapper, 'Apply now').trigger('click')
    await flushPromises()
    expect(posted()[0]?.path).toBe('/api/v1/traffic-changes/3/apply/')
  })

  test('sends whoever decides to the decision page', async () => {
    const { wrapper } = await page('en', [change('pending', [{ event: 'approve', allowed: true, why: '' }])])
    expect(wrapper.find('a.primary').attributes('href')).toBe('/admin/releases/trafficchange/3/change/')
  })

  test('speaks Chinese', async () => expect((await page('zh-Hans')).wrapper.text()).toContain('全部退回'))
})
