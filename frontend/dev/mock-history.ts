/** What was judged and done: the logs of the demo shop's rollouts. */
import type { AuditRow, VerdictRow } from '../src/api/contract'
import { ago, rollout, verdictRow, type Say } from './mock-shop.ts'

export function verdicts(id: number, say: Say): VerdictRow[] {
  const known = rollout(id, say)
  if (!known?.started_at) return []
  const step = known.current_step
  return Array.from({ length: 40 }, (_, index) => {
    const back = index * 15 + 4
    if (known.state === 'rolled_back' && index < 3)
      return verdictRow(400 - index, 600_000 + back, 'fail', 'payments', known.latest_verdict?.sentence ?? '', step)
    if (index % 4 === 0)
      return verdictRow(
        400 - index,
        back,
        index > 24 ? 'no_data' : 'inconclusive',
        'payments',
        say(
          `${123 - index} of about 500 payments needed, about 4 minutes to go.`,
          `已有 ${123 - index} 笔，约需 500 笔，大约还要 4 分钟。`,
        ),
        step,
      )
    const metric = index % 4 === 1 ? 'errors' : index % 4 === 2 ? 'p95-latency' : 'sample-ratio'
    return verdictRow(
      400 - index,
      back,
      'pass',
      metric,
      say('Upper bound 0.11 points; 0.50 points are tolerated.', '上界 0.11 个百分点，容许 0.50 个百分点。'),
      step,
    )
  })
}

export function timeline(id: number, say: Say): AuditRow[] {
  const row = (
    seq: number,
    secondsAgo: number,
    actor: string,
    action: string,
    sentence: string,
    extra: Partial<AuditRow> = {},
  ): AuditRow => ({
    seq,
    at: ago(secondsAgo),
    actor,
    channel: actor === 'weir' ? 'engine' : 'admin',
    action,
    outcome: 'done',
    sentence,
    reason: '',
    before: null,
    after: null,
    rollout: { id, number: `R-${id}` },
    object: `R-${id}`,
    object_type: 'rollout',
    object_id: String(id),
    service: null,
    ip: null,
    prev: '',
    hash: '',
    ...extra,
  })
  return [
    row(4101, 160_000, 'requester', 'create', say('requester made the draft.', 'requester 新建了草稿。')),
    row(4102, 159_000, 'requester', 'submit', say('requester submitted it for approval.', 'requester 提交了审批。'), {
      before: { state: 'draft' },
      after: { state: 'pending' },
    }),
    row(4109, 158_000, 'requester', 'approve', say('requester tried to approve.', 'requester 试图批准。'), {
      outcome: 'refused',
      reason: say('Who asks can not approve.', '申请人不能自己批准。'),
    }),
    row(4113, 141_000, 'approver', 'approve', say('approver approved it.', 'approver 批准了。'), {
      reason: say('Difference and rehearsal read.', '已查看差异和演练结果。'),
      before: { state: 'pending' },
      after: { state: 'approved' },
    }),
    row(4120, 140_000, 'weir', 'shift', say('Weir wrote 1 %.', 'Weir 写入 1 %。'), {
      before: { weight: 0, fence: '11' },
      after: { weight: 1, fence: '12' },
    }),
    row(4131, 53_800, 'weir', 'shift', say('Weir wrote 5 %.', 'Weir 写入 5 %。'), { before: { weight: 1 }, after: { weight: 5 } }),
    row(4150, 10_600, 'weir', 'shift', say('Weir wrote 20 %.', 'Weir 写入 20 %。'), { before: { weight: 5 }, after: { weight: 20 } }),
  ]
}
