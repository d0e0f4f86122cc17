/** A vote as the cards show it. */
import type { Approval } from './rollout'

export interface Vote {
  key: string
  by: string
  approves: boolean
  reason: string
  /** Why it no longer counts, in words; null while it does. */
  voided: string | null
  /** In ms. */
  at: number
  /** What it was given for: a fingerprint, or the services of a train. */
  about: string
}

export const approves = (approval: Pick<Approval, 'decision'>): boolean => approval.decision.startsWith('approve')

/** How many votes for the content count now. */
export function given(approvals: readonly Approval[]): number {
  return approvals.filter((one) => !one.voided && approves(one)).length
}
