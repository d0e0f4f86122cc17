/** What a person may do to a rollout: how it is called, what it does, how its button looks. */
import type { IconName } from '@/app/shell/icons'
import { decisionHref, type AllowedEvent, type RolloutEvent } from './rollout'

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
  cancel: 'danger',
  approve: 'primary',
  reject: 'danger',
  withdraw: 'plain',
  start: 'primary',
  revoke: 'danger',
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
