/** A service of the catalogue, its cluster's links, and its versions' figures over time. */
import type { ClusterRow, MetricRow, MetricsRow, Points, ServiceDetail } from '@/api/contract'
import type { Line, Point } from '@/app/charts/plot'
import type { Names } from '@/app/traffic/traffic'

export type Service = ReturnType<typeof serviceFromApi>

export function serviceFromApi(row: ServiceDetail) {
  return {
    id: row.id,
    name: row.name,
    title: row.title ?? '',
    namespace: row.namespace,
    cluster: String(row.cluster),
    host: row.host,
    virtualService: row.virtual_service,
    destinationRule: row.destination_rule,
    stable: row.stable,
    shadow: row.shadow ?? false,
  }
}

export type Metric = ReturnType<typeof metricFromApi>

export function metricFromApi(row: MetricRow) {
  return {
    name: row.name,
    title: row.title,
    kind: row.kind,
    isKpi: row.role === 'kpi',
    lowerIsBetter: row.direction === 'lower_is_better',
    unit: row.unit ?? '',
    margin: row.margin ?? 0,
  }
}

/** The figures the API draws for every service, and the business figures some services have. */
export const FIGURES = ['success_ratio', 'error_ratio', 'p50_ms', 'p95_ms', 'p99_ms', 'rps'] as const
export const KPIS = ['payment_success_ratio', 'conversions_per_second', 'dwell_mean_seconds'] as const
export type Figure = (typeof FIGURES)[number] | (typeof KPIS)[number]

export interface Series {
  stepMs: number
  versions: ReadonlyMap<string, ReadonlyMap<string, Point[]>>
}

export function seriesFromApi(row: MetricsRow): Series {
  const stepMs = row.step * 1000
  const figures = (lines: Record<string, Points>) =>
    new Map(Object.entries(lines).map(([figure, points]) => [figure, withGaps(points, stepMs)]))
  return { stepMs, versions: new Map(Object.entries(row.versions).map(([version, lines]) => [version, figures(lines)])) }
}

/** The API leaves out what was not measured; a line must show that it was not. */
export function withGaps(points: Points, stepMs: number): Point[] {
  const drawn: Point[] = []
  for (const [seconds, value] of points) {
    if (seconds === undefined || value === undefined) continue
    const at = seconds * 1000
    const last = drawn.at(-1)
    if (last && at - last[0] > stepMs * 2.5) drawn.push([last[0] + stepMs, null])
    drawn.push([at, value])
  }
  return drawn
}

/** The lines of one figure, stable first; a version without a single point has no line. */
export function linesOf(series: Series, figure: string, names: Names): Line[] {
  const roles = [
    { role: 'stable', name: names.stable },
    { role: 'candidate', name: names.candidate },
  ] as const
  return roles.flatMap(({ role, name }) => {
    const points = series.versions.get(name)?.get(figure)
    return points?.length && (role === 'stable' || name !== names.stable) ? [{ role, name, points }] : []
  })
}

export interface Links {
  grafana: string | null
  kiali: string | null
}

/** The pages of Grafana and Kiali with everything filled in; null where the cluster has none. Range in ms. */
export function linksOf(cluster: ClusterRow | undefined, service: Service, names: Names, range: { from: number; until: number }): Links {
  return {
    grafana: cluster?.grafana_url ? grafanaHref(cluster.grafana_url, service, names, range) : null,
    kiali: cluster?.kiali_url ? kialiHref(cluster.kiali_url, service, range) : null,
  }
}

function grafanaHref(base: string, service: Service, names: Names, range: { from: number; until: number }): string {
  const url = under(base, 'd/weir-compare/weir-compare')
  url.search = new URLSearchParams({
    from: String(Math.round(range.from)),
    to: String(Math.round(range.until)),
    'var-namespace': service.namespace,
    'var-service': service.name,
    'var-stable': names.stable,
    'var-candidate': names.candidate,
  }).toString()
  return url.href
}

function kialiHref(base: string, service: Service, range: { from: number; until: number }): string {
  const url = under(base, `console/namespaces/${encodeURIComponent(service.namespace)}/services/${encodeURIComponent(service.name)}`)
  url.search = new URLSearchParams({ duration: String(Math.round((range.until - range.from) / 1000)), tab: 'metrics' }).toString()
  return url.href
}

function under(base: string, path: string): URL {
  return new URL(path, base.endsWith('/') ? base : `${base}/`)
}
