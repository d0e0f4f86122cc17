import { describe, expect, test } from 'vitest'
import { show } from '@/testing/mount'
import RulesCard from './RulesCard.vue'
import { rulesFromApi } from './rules'
import { trafficFromApi } from './traffic'
import TrafficCard from './TrafficCard.vue'

const NAMES = { stable: 'v1', candidate: 'v2' }
const card = (observed: number | null, configured = 20) => ({
  traffic: trafficFromApi(
    {
      declared: { v1: 80, v2: 20 },
      configured: { v1: 100 - configured, v2: configured },
      observed: observed === null ? null : { v1: 100 - observed, v2: observed },
      requests: observed === null ? null : { v1: 482 * (100 - observed), v2: 482 * observed },
      observed_seconds: 60,
      sticky: null,
      matched: true,
      problem: '',
    },
    NAMES,
  ),
  names: NAMES,
  kiali: null,
  declaredBy: 'Rollout R-10',
  virtualService: 'payment',
})

describe('the traffic card', () => {
  test('says a mismatch in words and numbers', async () => {
    const text = (await show(TrafficCard, card(16.2))).text()
    expect(text).toContain('v2 gets 3.8 points less than configured.')
    expect(text).toContain('It should have had 9,640 requests and had 7,808')
  })

  test('says that all three agree', async () => expect((await show(TrafficCard, card(20))).text()).toContain('agree.'))
  test('does not claim agreement without an observation', async () =>
    expect((await show(TrafficCard, card(null))).text()).toContain('Too few requests'))
  test('names drift as somebody else’s change', async () =>
    expect((await show(TrafficCard, card(35, 35))).text()).toContain('somebody else changed it'))
  test('reads each bar aloud', async () => {
    const labels = (await show(TrafficCard, card(16.2)))
      .findAll('[role=img]')
      .map((bar) => bar.attributes('aria-label')?.replace(/\u00a0/g, ' '))
    expect(labels).toEqual(['Declared: v1 80 %, v2 20 %', 'Configured: v1 80 %, v2 20 %', 'Observed: v1 83.8 %, v2 16.2 %'])
  })
  test('speaks Chinese', async () =>
    expect((await show(TrafficCard, card(16.2), { locale: 'zh-Hans' })).text()).toContain('v2 的观测比例比配置少 3.8 个百分点。'))
})

describe('the request tester', () => {
  test('moves the hit as one types', async () => {
    const rules = rulesFromApi([{ name: 'testers', header: 'x-weir-test', exact: 'v2', to: 'candidate' }])
    const wrapper = await show(RulesCard, { rules, sticky: null, names: NAMES, split: { stable: 80, candidate: 20, other: 0 } })
    const hit = (): string => wrapper.find('li.hit').text()
    expect(hit()).toContain('All other requests')
    await wrapper.find('input').setValue('v2')
    expect(hit()).toContain('testers')
    expect(wrapper.findAll('li')[1]?.text()).toContain('not compared')
  })
})
