import { describe, expect, test } from 'vitest'
import { rollout as row } from '../../../dev/mock-shop'
import { effectOf, EVENT_PATH, NEEDS_REASON, ordered, pageOf } from './event'
import { dots, EVENTS, isFinished, isMoving, rolloutDetailFromApi, type RolloutPage } from './rollout'
import { bakeShare, expectedEnd, nextStep, schedule } from './schedule'
import { latestVerdicts, numberRows, runs, type Verdict } from './verdict'

function page(id: number, changes: Partial<RolloutPage> = {}): RolloutPage {
  const raw = row(id, (en) => en)
  if (!raw) throw new Error(`The demo shop has no rollout ${id}.`)
  return { ...rolloutDetailFromApi(raw), ...changes }
}
const now = Date.now()

describe('fromApi', () => {
  test('times become milliseconds and absent values null', () => {
    const running = page(10)
    expect(running.startedAt).toBeTypeOf('number')
    expect(running.endedAt).toBeNull()
    expect(running.steps[4]?.startedAt).toBeNull()
  })

  test('an event this version does not know gets no button', () => {
    const raw = row(10, (en) => en)
    const events = [{ event: 'teleport', slug: 'teleport', allowed: true, why: '' }]
    expect(raw && rolloutDetailFromApi({ ...raw, allowed_events: events }).events).toEqual([])
  })
})

describe('step line', () => {
  test('a running rollout is done, now, to come', () =>
    expect(dots(page(10)).map((step) => step.dot)).toEqual(['done', 'done', 'now', 'todo', 'todo']))
  test('a drifted one waits for a person', () => expect(dots(page(12))[2]?.dot).toBe('stop'))
  test('a rolled back one shows from where', () =>
    expect(dots(page(7)).map((step) => step.dot)).toEqual(['done', 'bad', 'todo', 'todo', 'todo']))
  test('a completed one is done to the end', () => expect(new Set(dots(page(5)).map((step) => step.dot))).toEqual(new Set(['done'])))
  test('one that has not begun is hollow', () => expect(new Set(dots(page(11)).map((step) => step.dot))).toEqual(new Set(['todo'])))
})

test('no state is both moving and finished', () => {
  for (const id of [4, 5, 7, 10, 11, 12]) expect(isMoving(page(id).state) && isFinished(page(id).state)).toBe(false)
})

describe('schedule', () => {
  test('steps to come follow one another without a gap', () => {
    const rows = schedule(page(10), now)
    expect(rows.map((one) => one.kind)).toEqual(['done', 'done', 'now', 'planned', 'planned'])
    expect(rows[3]?.from).toBe(rows[2]?.until)
    expect(rows[4]?.from).toBe(rows[3]?.until)
    expect(expectedEnd(rows)).toBe((rows[4]?.from ?? 0) + 3_600_000)
  })

  test('a step that a person starts is not certain', () => {
    const rows = schedule(page(10), now)
    expect(nextStep(rows)?.certain).toBe(true)
    expect(rows[4]?.certain).toBe(false)
  })

  test('a step waits for its wall-clock time', () => {
    const base = page(10)
    const later = now + 90 * 86_400_000
    const steps = base.steps.map((step) => (step.position === 3 ? { ...step, notBefore: later } : step))
    expect(schedule({ ...base, steps }, now)[3]?.from).toBe(later)
  })

  test('paused, nobody can say when the next step comes', () => {
    expect(nextStep(schedule(page(12), now))?.from).toBeNull()
    expect(expectedEnd(schedule(page(12), now))).toBeNull()
  })

  test('held by a window, a freeze or its train, it promises no time', () => {
    for (const reasonCode of ['waiting_for_window', 'held_by_freeze', 'waiting_for_train'])
      expect(nextStep(schedule({ ...page(10), reasonCode }, now))?.from).toBeNull()
    expect(nextStep(schedule({ ...page(11), state: 'approved', startAt: null, reasonCode: 'waiting_for_window' }, now))?.from).toBeNull()
  })

  test('rolled back, later steps are never reached', () =>
    expect(
      schedule(page(7), now)
        .slice(2)
        .map((one) => one.kind),
    ).toEqual(['never', 'never', 'never']))

  test('a bake that is over its time begins the next step now, not in the past', () => {
    const late = schedule(page(10), now + 86_400_000)
    expect(nextStep(late)?.from).toBe(now + 86_400_000)
  })

  test('the bake fills from nothing to full', () => {
    const rows = schedule(page(10), now)
    const current = rows[2]
    expect(current && bakeShare(current, current.from ?? 0)).toBe(0)
    expect(current && bakeShare(current, current.until ?? 0)).toBe(1)
    expect(rows[3] && bakeShare(rows[3], now)).toBe(0)
  })
})

describe('events', () => {
  test('rolling back never needs a reason', () => expect(NEEDS_REASON.roll_back).toBe(false))
  test('approving leads to the page with the difference', () => expect(pageOf('approve', 7)).toBe('/admin/releases/rollout/7/change/'))
  test('every event but editing has an address', () =>
    expect(Object.keys(EVENT_PATH).sort()).toEqual(EVENTS.filter((event) => event !== 'edit').sort()))
  test('resuming over unclear evidence says that it is accepted', () => {
    expect(effectOf('resume', 'evidence_unclear')).toBe('event.resume.unclear')
    expect(effectOf('resume', 'paused_by_person')).toBe('event.resume.effect')
    expect(effectOf('pause', 'evidence_unclear')).toBe('event.pause.effect')
  })
  test('what is allowed comes first and going back last', () => {
    const events = ordered([
      { event: 'roll_back', allowed: true, why: '' },
      { event: 'approve', allowed: false, why: 'no' },
      { event: 'resume', allowed: true, why: '' },
    ])
    expect(events.map((one) => one.event)).toEqual(['resume', 'roll_back', 'approve'])
  })
})

describe('verdicts', () => {
  const verdict = (id: number, outcome: Verdict['outcome'], metric = 'errors', step = 0): Verdict => ({
    id,
    at: id * 1000,
    step,
    outcome,
    metric,
    rule: 'r',
    sentence: '',
    numbers: {},
    slowBeyondMs: null,
  })

  test('only what the newest look concluded is shown', () => {
    const rows = latestVerdicts([verdict(1, 'fail'), verdict(3, 'pass'), verdict(2, 'inconclusive', 'payments')])
    expect(rows.map((one) => [one.metric, one.outcome])).toEqual([['errors', 'pass']])
  })

  test('equal neighbours are one row with its count', () => {
    const rows = runs([verdict(3, 'pass'), verdict(2, 'pass'), verdict(1, 'fail'), verdict(4, 'pass', 'errors', 1)])
    expect(rows.map((one) => [one.verdict.id, one.count])).toEqual([
      [4, 1],
      [3, 2],
      [1, 1],
    ])
  })

  test('nested numbers are flattened', () => {
    expect(numberRows({ e: 1, stable: { n: 2, list: [1] } })).toEqual([
      { name: 'e', value: 1 },
      { name: 'stable.n', value: 2 },
    ])
  })
})
