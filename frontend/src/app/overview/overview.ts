/** The overview as the page knows it: services in the order in which they need somebody. */
import type { AttentionRow, OverviewRow, OverviewServiceRow } from '@/api/contract'
import type { Line } from '@/app/charts/plot'
import { isMoving, rolloutFromApi, STATE_ICON, STATE_LABEL, STATE_TONE, wentBack, type Rollout, type Tone } from '@/app/rollouts/rollout'
import { OUTCOME_ICON, OUTCOME_LABEL, OUTCOME_TONE } from '@/app/rollouts/verdict'
import { withGaps } from '@/app/services/service'
import type { IconName } from '@/app/shell/icons'
import { trafficFromApi, type Names } from '@/app/traffic/traffic'
import { instant } from '@/format'

export type Overview = ReturnType<typeof overviewFromApi>
export type OverviewService = ReturnType<typeof serviceRowFromApi>
export type Attention = ReturnType<typeof attentionFromApi>

const SPARK_STEP_MS = 60_000

export function overviewFromApi(row: OverviewRow) {
  const attention = row.attention.map(attentionFromApi)
  const urgency = new Map(attention.map((item, index) => [item.service, index] as const).reverse())
  const services = row.services.map(serviceRowFromApi)
  const place = (service: OverviewService): number => urgency.get(service.id) ?? (service.rollout ? 1_000 : 2_000)
  return {
    generatedAt: instant(row.generated_at) ?? 0,
    attention,
    services: services.sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name)),
    health: row.health,
  }
}

function attentionFromApi(row: AttentionRow) {
  const key = `${row.kind} ${row.service ?? ''} ${row.rollout ?? ''}`
  return { key, kind: row.kind, severity: row.severity, service: row.service, title: row.title, text: row.text, action: row.action }
}

const ATTENTION_ICON: Record<string, IconName> = {
  drift: 'drift',
  approval: 'person',
  waiting: 'person',
  paused: 'pause',
  failed: 'undo',
  mesh: 'cross',
}
export const attentionIcon = (kind: string): IconName => ATTENTION_ICON[kind] ?? 'flag'

export function serviceRowFromApi(row: OverviewServiceRow) {
  const rollout = row.rollout ? rolloutFromApi(row.rollout) : null
  const last = row.last_rollout ? rolloutFromApi(row.last_rollout) : null
  const names: Names = {
    stable: rollout?.stable.name ?? row.stable?.name ?? '',
    candidate: rollout?.candidate.name ?? row.candidate?.name ?? '',
  }
  const figures = (name: string) => {
    const known = row.metrics[name]
    return known ? { success: known.success_ratio ?? null, rps: known.rps ?? null, p95: known.p95_ms ?? null } : null
  }
  return {
    id: row.service.id,
    name: row.service.name,
    title: row.service.title ?? '',
    place: `${row.service.cluster} / ${row.service.namespace}`,
    cluster: row.service.cluster,
    shadow: row.service.shadow,
    names,
    traffic: trafficFromApi(row.traffic, names),
    rollout,
    last,
    stable: figures(names.stable),
    candidate: names.candidate ? figures(names.candidate) : null,
    spark: sparkLines(row, names),
  }
}

function sparkLines(row: OverviewServiceRow, names: Names): Line[] {
  const line = (role: Line['role'], name: string): Line[] => {
    const points = row.spark[name]
    return name && points?.length ? [{ role, name, points: withGaps(points, SPARK_STEP_MS) }] : []
  }
  return [...line('stable', names.stable), ...(names.candidate === names.stable ? [] : line('candidate', names.candidate))]
}

export const needsSomebody = (service: OverviewService, attention: readonly Attention[]): boolean =>
  attention.some((item) => item.service === service.id)

export interface Status {
  tone: Tone
  icon: IconName
  label: string
}

/** The one status of a row: what holds it, else the last verdict, else where the rollout is. `label` is a message key. */
export function statusOf(rollout: Rollout | null): Status {
  if (!rollout) return { tone: 'none', icon: 'nodata', label: 'overview.nothing_to_judge' }
  if (rollout.drifted) return { tone: 'hold', icon: 'drift', label: 'state.drifted' }
  if (rollout.state === 'running' && rollout.verdict) {
    const { outcome } = rollout.verdict
    return { tone: OUTCOME_TONE[outcome], icon: OUTCOME_ICON[outcome], label: OUTCOME_LABEL[outcome] }
  }
  return { tone: STATE_TONE[rollout.state], icon: STATE_ICON[rollout.state], label: STATE_LABEL[rollout.state] }
}

/** The rollout a row tells about: the live one, or the last if it went wrong a short while ago. */
export function told(service: OverviewService, now: number): Rollout | null {
  if (service.rollout) return service.rollout
  const { last } = service
  return last && wentBack(last.state) && last.endedAt !== null && now - last.endedAt < DAY_MS ? last : null
}
const DAY_MS = 86_400_000

export const SHOWN = ['all', 'live', 'attention'] as const
export type Shown = (typeof SHOWN)[number]

export function filtered(overview: Overview, text: string, shown: Shown): OverviewService[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return overview.services.filter((service) => {
    if (shown === 'live' && !service.rollout) return false
    if (shown === 'attention' && !needsSomebody(service, overview.attention)) return false
    const said = `${service.name} ${service.title} ${service.place} ${service.names.stable} ${service.names.candidate}`.toLowerCase()
    return words.every((word) => said.includes(word))
  })
}

export const somethingMoves = (overview: Overview | undefined): boolean =>
  overview?.services.some((service) => service.rollout && isMoving(service.rollout.state)) ?? false
