/** The demo shop in the middle of a working day: one rollout waits, one runs, one drifted, some are over. */
import type {
  ApprovalRow,
  RolloutDetail,
  RolloutState,
  ServiceBrief,
  ServiceDetail,
  StepOutcome,
  VerdictOutcome,
  VerdictRow,
} from '../src/api/contract'
import type { RolloutEvent } from '../src/app/rollouts/rollout'

export type Say = (en: string, zh: string) => string
const START = Date.now()
export const ago = (seconds: number): string => new Date(START - seconds * 1000).toISOString()
const HASH = '9f2c41d07a8be36d5f10c2e94b7706a3d81f5ec29047bd6681ac3f0e92d4b75c'

const PLACE = { namespace: 'shop', cluster: 'lab' }
const TITLES = Object.entries({ product: '商品', order: '订单', payment: '支付' })
const BRIEFS: ServiceBrief[] = TITLES.map(([name, title], at) => ({ id: at + 1, name, title, ...PLACE, shadow: name === 'payment' }))
export const SERVICES: (ServiceBrief & ServiceDetail)[] = BRIEFS.map((brief) => ({
  ...brief,
  host: brief.name,
  port: 9080,
  virtual_service: brief.name,
  destination_rule: brief.name,
  policy: 'shop',
  stable: { id: brief.id * 10, name: 'v1', image: `shop/${brief.name}:1.18.2` },
  metrics: ['errors', 'p95-latency', 'payments'],
}))

const BAKES = [86_400, 43_200, 14_400, 7_200, 3_600]
const WEIGHTS = [1, 5, 20, 50, 100]

interface Shape {
  id: number
  service: number
  state: RolloutState
  step: number | null
  /** Seconds since the current step began. */
  into: number
  started: number | null
  ended?: number
  why: [string, string]
  verdict?: [VerdictOutcome, string, string, string]
  drift?: boolean
  weights?: number[]
  bakes?: number[]
}

const DRIFT = {
  baseline: {},
  written: {},
  live: {},
  resource_version: '4711',
  manager: 'kubectl-edit',
  rows: [
    { path: 'http[primary]/weights/v1', baseline: 100, written: 80, live: 65 },
    { path: 'http[primary]/weights/v2', baseline: 0, written: 20, live: 35 },
  ],
}

const SHAPES: Shape[] = [
  {
    id: 12,
    service: 2,
    state: 'paused',
    step: 2,
    into: 9_000,
    started: 90_000,
    drift: true,
    why: [
      'Paused: the weight of v2 was changed from 20 to 35 outside Weir. Restore or adopt it.',
      '已暂停：v2 的权重在 Weir 之外从 20 改为 35。请恢复或采纳。',
    ],
  },
  {
    id: 11,
    service: 1,
    state: 'pending',
    step: null,
    into: 0,
    started: null,
    why: ['Waits for one approval. The requester can not approve it.', '等待 1 个审批。申请人不能自己批准。'],
  },
  {
    id: 10,
    service: 3,
    state: 'running',
    step: 2,
    into: 10_600,
    started: 140_000,
    why: ['In the bake at 20 %; the payment verdict is not yet certain.', '20 % 观察中；支付判定尚不确定。'],
    verdict: [
      'inconclusive',
      'payments',
      '123 of about 500 payments needed, about 4 minutes to go.',
      '已有 123 笔，约需 500 笔，大约还要 4 分钟。',
    ],
  },
  {
    id: 7,
    service: 3,
    state: 'rolled_back',
    step: 1,
    into: 0,
    started: 640_000,
    ended: 600_000,
    why: [
      'Rolled back from 5 %: payments succeeded 2.3 points less often; weight 0 after 1.2 s.',
      '从 5 % 回滚：支付成功率低 2.3 个百分点；1.2 秒内归零。',
    ],
    verdict: [
      'fail',
      'payments',
      'Payments: v2 95.3 % (2,104 of 2,207), v1 97.6 %: lower by 1.1 to 3.4 points.',
      '支付：v2 95.3 %（2,207 笔中 2,104 笔），v1 97.6 %：低 1.1 至 3.4 个百分点。',
    ],
  },
  {
    id: 5,
    service: 1,
    state: 'completed',
    step: 4,
    into: 0,
    started: 1_900_000,
    ended: 1_600_000,
    why: ['Completed: all traffic is on v1.', '已全量：全部流量在 v1。'],
  },
  {
    id: 4,
    service: 2,
    state: 'cancelled',
    step: null,
    into: 0,
    started: null,
    ended: 2_300_000,
    why: ['Cancelled by an operator before it began.', '开始前由运维取消。'],
  },
]

function steps(shape: Shape): RolloutDetail['steps'] {
  const bakes = shape.bakes ?? BAKES
  const here = shape.step ?? -1
  return (shape.weights ?? WEIGHTS).map((weight, position) => {
    const begun = position <= here
    const ends = position < here ? shape.into + bakes.slice(position + 1, here).reduce((sum, bake) => sum + bake, 0) : null
    const startedAgo = position === here ? shape.into || (shape.ended ?? 0) + 900 : (ends ?? 0) + (bakes[position] ?? 0)
    const outcome: StepOutcome = !begun
      ? ''
      : position < here || shape.state === 'completed'
        ? 'passed'
        : shape.state === 'rolled_back'
          ? 'rolled_back'
          : 'baking'
    return {
      position,
      planned: {
        weight,
        bake_seconds: bakes[position] ?? 3600,
        gate: position === 4 ? 'manual' : 'auto',
        not_before: null,
        rules: [],
        sticky: null,
        mirror: null,
      },
      desired: begun ? weight : null,
      written: begun ? weight : null,
      observed: begun ? Number((weight * 0.98).toFixed(1)) : null,
      started_at: begun ? ago(shape.ended ? shape.ended + 900 * (here - position + 1) : startedAgo) : null,
      ended_at: !begun || outcome === 'baking' ? null : ago(shape.ended ? shape.ended + 900 * (here - position) : (ends ?? 0)),
      bake_left_seconds: outcome === 'baking' ? Math.max(0, (bakes[position] ?? 0) - shape.into) : null,
      outcome,
    }
  })
}

const OFFERED: Partial<Record<RolloutState, [RolloutEvent, boolean][]>> = {
  pending: [
    ['approve', true],
    ['reject', true],
    ['withdraw', false],
  ],
  running: [
    ['pause', true],
    ['set_weight', true],
    ['promote', true],
    ['revoke', false],
    ['roll_back', true],
  ],
  paused: [
    ['resume', true],
    ['restore', true],
    ['adopt', true],
    ['set_weight', true],
    ['approve', false],
    ['roll_back', true],
  ],
  rolled_back: [['retry', true]],
  completed: [['revert', true]],
  cancelled: [['retry', true]],
}

export function rollout(id: number, say: Say): RolloutDetail | undefined {
  const shape = SHAPES.find((one) => one.id === id)
  const service = SERVICES.find((one) => one.id === shape?.service)
  if (!shape || !service?.stable) return undefined
  const { verdict } = shape
  const rows = steps(shape)
  return {
    id,
    number: `R-${id}`,
    service,
    ...{ retry_of: null, train: null },
    figures_resolution_seconds: 1,
    edits: [],
    stable: service.stable,
    candidate: { id: service.id * 10 + 1, name: 'v2', image: `shop/${service.name}:1.19.0` },
    plan: { id: 1, name: say('Canary 1/5/20/50/100', '金丝雀 1/5/20/50/100') },
    strategy: 'canary',
    state: shape.state,
    state_label: shape.state.replace('_', ' '),
    reason_code: 'baking',
    why: say(...shape.why),
    next_look_at: shape.state === 'running' ? new Date(Date.now() + 4000).toISOString() : null,
    fingerprint: HASH,
    current_step: shape.step,
    weights: rows.map((row) => row.planned.weight),
    requested_by: { id: 2, name: 'requester' },
    reason: say('New checkout with fewer round trips.', '新的结算流程，减少往返次数。'),
    impact: say('Everybody who pays; no data is migrated.', '所有付款用户；不迁移数据。'),
    test_evidence: 'https://ci.example.com/runs/4711',
    rollback_note: say('Weight to 0 is enough; v1 reads what v2 wrote.', '权重归零即可；v1 能读取 v2 写入的数据。'),
    ticket: 'CHG-2041',
    start_at: null,
    created_at: ago(160_000),
    submitted_at: ago(159_000),
    approved_at: shape.started ? ago(shape.started + 600) : null,
    started_at: rows[0]?.started_at ?? null,
    ended_at: shape.ended ? ago(shape.ended) : null,
    drift: shape.drift ? DRIFT : null,
    latest_verdict: verdict ? verdictRow(1, 6, verdict[0], verdict[1], say(verdict[2], verdict[3]), shape.step) : null,
    revision: 12,
    promote_requested: false,
    changes_data: false,
    compatibility_note: '',
    emergency: null,
    standard_change: null,
    evidence: { policy: 'gate' as const, interval_seconds: 15, wait_limit_seconds: 3600, when_unclear: 'hold' as const },
    steps: rows,
    approvals: shape.started ? [approval(say)] : [],
    approvals_needed: 1,
    allowed_events: (OFFERED[shape.state] ?? []).map(([event, allowed]) => ({
      event,
      slug: event === 'roll_back' ? 'rollback' : event.replace('_', '-'),
      allowed,
      why: allowed ? '' : say('Needs the role approver on shop.', '需要 shop 的审批人角色。'),
    })),
  }
}

function approval(say: Say): ApprovalRow {
  return {
    id: 3,
    by: { id: 4, name: 'approver' },
    decision: 'approve',
    reason: say('Difference and rehearsal read.', '已查看差异和演练结果。'),
    fingerprint: HASH,
    evidence_hash: HASH,
    created_at: ago(141_000),
    voided_at: null,
    voided_why: '',
  }
}

export const rollouts = (say: Say): RolloutDetail[] => SHAPES.flatMap((shape) => rollout(shape.id, say) ?? [])

export function verdictRow(
  id: number,
  secondsAgo: number,
  outcome: VerdictOutcome,
  metric: string,
  sentence: string,
  step: number | null,
): VerdictRow {
  return {
    id,
    at: new Date(Date.now() - secondsAgo * 1000).toISOString(),
    step,
    outcome,
    metric,
    rule: 'anytime-valid',
    reason_code: 'judged',
    sentence,
    numbers: { stable: { events: 31, exposure: 12_480 }, candidate: { events: 9, exposure: 3_122 }, evidence: 0.42, upper_bound: 0.0011 },
  }
}
