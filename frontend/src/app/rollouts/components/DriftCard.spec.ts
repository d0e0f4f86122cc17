import { describe, expect, test } from 'vitest'
import { show } from '@/testing/mount'
import DriftCard from './DriftCard.vue'

const drift = {
  manager: 'kubectl-edit',
  rows: [{ path: 'http[primary]/weights/v2', baseline: 0, written: 20, live: 35 }],
}

describe('the card of a drift', () => {
  test('names the place, the three sides and who wrote last', async () => {
    const wrapper = await show(DriftCard, { drift })
    expect(wrapper.find('tbody').text()).toBe('http[primary]/weights/v202035')
    expect(wrapper.text()).toContain('kubectl-edit')
  })

  test('shows a dash where there is nothing', async () => {
    const wrapper = await show(DriftCard, { drift: { manager: '', rows: [{ path: 'mirror', baseline: null, written: null, live: 'v2' }] } })
    expect(wrapper.findAll('tbody td').map((cell) => cell.text())).toEqual(['–', '–', 'v2'])
  })
})
