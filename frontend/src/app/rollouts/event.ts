/** What a person may do to a rollout: how it is called, what it does, how its button looks. */
import type { IconName } from '@/app/shell/icons'
import type { paths } from '@/api/contract'
import { decisionHref, type AllowedEvent, type RolloutEvent } from './rollout'

/** Where each event is sent; editing is a page of the admin. */
export const EVENT_PATH = {
  submit: '/api/v1/rollouts/{id}/submit/',
  cancel: '/api/v1/rollouts/{id}/cancel/',
  approve: '/api/v1/rollouts/{id}/approve/',
  reject: '/api/v1/rollouts/{id}/reject/',
  withdraw: '/api/v1/rollouts/{id}/withdraw/',
  start: '/api/v1/rollouts/{id}/start/',
  revoke: '/api/v1/rollouts/{id}/revoke/',
  pause: '/api/v1/rollouts/{id}/pause/',
  resume: '/api/v1/rollouts/{id}/resume/',
  set_weight: '/api/v1/rollouts/{id}/set-weight/',
  promote: '/api/v1/rollouts/{id}/promote/',
  roll_back: '/api/v1/rollouts/{id}/rollback/',
  restore: '/api/v1/rollouts/{id}/restore/',
  adopt: '/api/v1/rollouts/{id}/adopt/',
  revert: '/api/v1/rollouts/{id}/revert/',
  retry: '/api/v1/rollouts/{id}/retry/',
} satisfies Record<Exclude<RolloutEvent, 'edit'>, keyof paths>

export type SentEvent = keyof typeof EVENT_PATH
export const isSent = (event: RolloutEvent): event is SentEvent => event !== 'edit'

export const EVENT_LABEL = {
  edit: 'event.edit.label',
  submit: 'event.submit.label',
  cancel: 'event.cancel.label',
  approve: 'event.approve.label',
  reject: 'event.reject.label',
  withdraw: 'event.withdraw.label',
  start: 'event.start.label',
  revoke: 'event.revoke.label',
  pause: 'event.pause.label',
  resume: 'event.resume.label',
  set_weight: 'event.set_weight.label',
  promote: 'event.promote.label',
  roll_back: 'event.roll_back.label',
  restore: 'event.restore.label',
  adopt: 'event.adopt.label',
  revert: 'event.revert.label',
  retry: 'event.retry.label',
} satisfies Record<RolloutEvent, string>

/** One sentence: what will happen. Takes `stable`, `candidate` and `service`. */
export const EVENT_EFFECT = {
  edit: 'event.edit.effect',
  submit: 'event.submit.effect',
  cancel: 'event.cancel.effect',
  approve: 'event.approve.effect',
  reject: 'event.reject.effect',
  withdraw: 'event.withdraw.effect',
  start: 'event.start.effect',
  revoke: 'event.revoke.effect',
  pause: 'event.pause.effect',
  resume: 'event.resume.effect',
  set_weight: 'event.set_weight.effect',
  promote: 'event.promote.effect',
  roll_back: 'event.roll_back.effect',
  restore: 'event.restore.effect',
  adopt: 'event.adopt.effect',
  revert: 'event.revert.effect',
  retry: 'event.retry.effect',
} satisfies Record<RolloutEvent, string>

/** What the event would do now: resuming over unclear evidence accepts it. */
export function effectOf(event: RolloutEvent, reasonCode: string): string {
  return event === 'resume' && reasonCode === 'evidence_unclear' ? 'event.resume.unclear' : EVENT_EFFECT[event]
}

export const EVENT_ICON = {
  edit: 'copy',
  submit: 'right',
  cancel: 'close',
  approve: 'check',
  reject: 'cross',
  withdraw: 'undo',
  start: 'play',
  revoke: 'undo',
  pause: 'pause',
  resume: 'play',
  set_weight: 'drift',
  promote: 'check',
  roll_back: 'undo',
  restore: 'undo',
  adopt: 'drift',
  revert: 'undo',
  retry: 'copy',
} satisfies Record<RolloutEvent, IconName>

export type Look = 'primary' | 'plain' | 'danger'

export const EVENT_LOOK = {
  edit: 'plain',
  submit: 'primary',
  cancel: 'plain',
  approve: 'primary',
  reject: 'danger',
  withdraw: 'plain',
  start: 'primary',
  revoke: 'plain',
  pause: 'plain',
  resume: 'primary',
  set_weight: 'plain',
  promote: 'plain',
  roll_back: 'danger',
  restore: 'primary',
  adopt: 'plain',
  revert: 'danger',
  retry: 'plain',
} satisfies Record<RolloutEvent, Look>

/** Whether a reason must be given. Rolling back is never held up by a form. */
export const NEEDS_REASON = {
  edit: false,
  submit: false,
  cancel: true,
  approve: false,
  reject: true,
  withdraw: false,
  start: false,
  revoke: true,
  pause: false,
  resume: false,
  set_weight: true,
  promote: true,
  roll_back: false,
  restore: true,
  adopt: true,
  revert: true,
  retry: false,
} satisfies Record<RolloutEvent, boolean>

/** Approving and editing need the decision page: what is approved must have been seen. */
export function pageOf(event: RolloutEvent, rolloutId: number): string | null {
  return event === 'approve' || event === 'edit' ? decisionHref(rolloutId) : null
}

/** What may be done comes first, going back last; what may not be done keeps its place after it. */
export function ordered(events: readonly AllowedEvent[]): AllowedEvent[] {
  const rank = (event: AllowedEvent): number => (event.allowed ? 0 : 2) + (EVENT_LOOK[event.event] === 'danger' ? 1 : 0)
  return [...events].sort((a, b) => rank(a) - rank(b))
}
