/** A release train: several rollouts that are asked for, approved and taken back as one. */
import type { TrainDetailRow, TrainOrder, TrainRow, TrainState } from '@/api/contract'
import { eventFromApi, rolloutDetailFromApi, rolloutFromApi, type RolloutPage } from '@/app/rollouts/rollout'
import { approves } from '@/app/rollouts/vote'
import { instant } from '@/format'

export type { TrainOrder, TrainState }
export type Train = ReturnType<typeof trainFromApi>
export type TrainPage = ReturnType<typeof trainDetailFromApi>

function headOf(row: TrainRow | TrainDetailRow) {
  return {
    id: row.id,
    number: row.number,
    name: row.name,
    order: row.order,
    state: row.state,
    fingerprint: row.fingerprint,
    createdBy: row.created_by.name,
    createdAt: instant(row.created_at) ?? 0,
  }
}

export function trainFromApi(row: TrainRow) {
  return { ...headOf(row), rollouts: row.rollouts.map(rolloutFromApi) }
}

export function trainDetailFromApi(row: TrainDetailRow) {
  return {
    ...headOf(row),
    rollouts: row.rollouts.map(rolloutDetailFromApi),
    events: row.allowed_events.flatMap(eventFromApi),
  }
}

/** One sentence: where the whole stands and what it waits for. */
export const TRAIN_WHY = {
  draft: 'trains.why.draft',
  pending: 'trains.why.pending',
  approved: 'trains.why.approved',
  running: 'trains.why.running',
  paused: 'trains.why.paused',
  rolling_back: 'trains.why.rolling_back',
  completed: 'trains.why.completed',
  rolled_back: 'trains.why.rolled_back',
  rejected: 'trains.why.rejected',
  cancelled: 'trains.why.cancelled',
  expired: 'trains.why.expired',
} satisfies Record<TrainState, string>

const MOVES = {
  draft: false,
  pending: true,
  approved: true,
  running: true,
  paused: true,
  rolling_back: true,
  completed: false,
  rolled_back: false,
  rejected: false,
  cancelled: false,
  expired: false,
} satisfies Record<TrainState, boolean>

export const trainMoves = (state: TrainState): boolean => MOVES[state]

export const ORDER_LABEL = { ordered: 'trains.order.ordered', together: 'trains.order.together' } satisfies Record<TrainOrder, string>

export interface JointVote {
  by: string
  approves: boolean
  reason: string
  at: number
  voided: boolean
  /** The services that this person's vote counts for: all of them, unless some were decided alone. */
  services: string[]
}

/** One line per person and decision: a vote on the train is a vote on each of its rollouts. */
export function jointVotes(rollouts: readonly Pick<RolloutPage, 'service' | 'approvals'>[]): JointVote[] {
  const votes = new Map<string, JointVote>()
  for (const rollout of rollouts) {
    for (const vote of rollout.approvals) {
      const isFor = approves(vote)
      const key = JSON.stringify([vote.by, isFor, vote.reason, vote.voided])
      const known = votes.get(key)
      if (known) known.services.push(rollout.service.name)
      else
        votes.set(key, {
          by: vote.by,
          approves: isFor,
          reason: vote.reason,
          at: vote.at,
          voided: vote.voided,
          services: [rollout.service.name],
        })
    }
  }
  return [...votes.values()]
}

/** What is wrong with the list of services before it is sent, as a message key; null when nothing is. */
export function gapInMembers(members: readonly Member[]): string | null {
  if (members.length < 2) return 'trains.new.two'
  if (members.some((one) => !one.service || !one.candidate || !one.plan)) return 'trains.new.choose'
  const services = members.map((one) => one.service)
  return new Set(services).size < services.length ? 'trains.new.once' : null
}

export interface Member {
  /** Only to tell the rows apart while they move. */
  key: number
  service: number | ''
  candidate: number | ''
  plan: number | ''
}
