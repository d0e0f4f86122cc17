/** An API with believable answers, for drawing pages without a portal (`npm run dev:mock`). Never part of a build. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Plugin } from 'vite'
import type { MeRow, OverviewRow, RolloutDetail, TrafficRow } from '../src/api/contract'
import { figures, last, type Behaviour } from './mock-series.ts'
import { timeline, verdicts } from './mock-history.ts'
import { rollout, rollouts, SERVICES, type Say } from './mock-shop.ts'

const BEHAVIOUR: Record<string, Record<string, Behaviour>> = {
  product: { v1: { rps: 120, errors: 0.0004, p50: 16 }, v2: { rps: 120, errors: 0.0004, p50: 15 } },
  order: { v1: { rps: 64, errors: 0.0009, p50: 32 }, v2: { rps: 64, errors: 0.0012, p50: 33 } },
  payment: { v1: { rps: 48, errors: 0.0006, p50: 46, payments: 0.976 }, v2: { rps: 48, errors: 0.0008, p50: 47, payments: 0.974 } },
}
const LIVE = ['pending', 'approved', 'running', 'paused', 'rolling_back']
const isLive = (row: RolloutDetail): boolean => LIVE.includes(row.state)

function shareAt(rows: RolloutDetail[], service: number, at: number): number {
  const step = rows
    .filter((row) => row.service.id === service)
    .flatMap((row) => row.steps)
    .find(
      (one) =>
        one.started_at && Date.parse(one.started_at) / 1000 <= at && at < (one.ended_at ? Date.parse(one.ended_at) / 1000 : Infinity),
    )
  return step?.written ?? 0
}

function series(service: number, seconds: number, step: number, say: Say) {
  const name = SERVICES.find((one) => one.id === service)?.name ?? ''
  const rows = rollouts(say)
  const until = Math.floor(Date.now() / 1000 / step) * step
  const versions = Object.entries(BEHAVIOUR[name] ?? {}).map(([version, behaviour]) => {
    const share = (at: number): number => (version === 'v2' ? shareAt(rows, service, at) : 100 - shareAt(rows, service, at))
    return [version, figures(`${name} ${version}`, behaviour, share, until, seconds, step)] as const
  })
  return { step, versions: Object.fromEntries(versions) }
}

function traffic(service: number, say: Say): TrafficRow {
  const live = rollouts(say).find((row) => row.service.id === service && isLive(row))
  const weight = live?.steps.find((step) => step.position === live.current_step)?.written ?? 0
  const real = live?.drift ? 35 : weight
  const seen = live?.state === 'running' ? real - 3.8 : real
  const both = (v2: number) => ({ v1: 100 - v2, v2 })
  const requests = 48_210
  return {
    declared: both(weight),
    configured: both(real),
    observed: both(seen),
    observed_seconds: 60,
    sticky: null,
    requests: { v1: Math.round((requests * (100 - seen)) / 100), v2: Math.round((requests * seen) / 100) },
    matched: real === seen && real === weight,
    drift: live?.drift ?? null,
    problem: '',
    rules:
      service === 3
        ? [
            { name: 'testers', header: 'x-weir-test', exact: 'v2', to: 'candidate' },
            { name: 'key-accounts', header: 'x-user-id', users: ['10001', '10042', '10077'], to: 'stable' },
          ]
        : [],
  }
}

function overview(say: Say): OverviewRow {
  const rows = rollouts(say)
  return {
    generated_at: new Date().toISOString(),
    time_zone: 'Asia/Shanghai',
    services: SERVICES.map((service) => {
      const mine = rows.filter((row) => row.service.id === service.id)
      const live = mine.find(isLive) ?? null
      const { versions } = series(service.id, 900, 60, say)
      const metrics = Object.entries(versions).map(
        ([name, lines]) =>
          [name, { success_ratio: last(lines.success_ratio), rps: last(lines.rps) ?? 0, p95_ms: last(lines.p95_ms) }] as const,
      )
      return {
        service,
        stable: service.stable,
        candidate: live?.candidate ?? null,
        traffic: traffic(service.id, say),
        rollout: live,
        last_rollout: mine.find((row) => !isLive(row)) ?? null,
        metrics: Object.fromEntries(metrics),
        spark: Object.fromEntries(Object.entries(versions).map(([name, lines]) => [name, lines.success_ratio ?? []])),
      }
    }),
    attention: [
      {
        kind: 'drift',
        severity: 'hold',
        service: 2,
        rollout: 12,
        title: say('v2: the mesh was changed by somebody else', 'v2：网格被他人修改'),
        text: say(
          'The weight of v2 was set from 20 to 35 outside Weir, 12 min ago. Guards still watch and may roll back.',
          'v2 的权重于 12 分钟前在 Weir 之外从 20 改为 35。护栏仍在监视，可能回滚。',
        ),
        action: { label: say('Compare and decide', '比较并决定'), href: '/rollouts/12' },
      },
      {
        kind: 'approval',
        severity: 'hold',
        service: 1,
        rollout: 11,
        title: say('v2 waits for approval', 'v2 等待审批'),
        text: say('Waits for one approval. The requester can not approve it.', '等待 1 个审批。申请人不能自己批准。'),
        action: { label: say('Decide', '去审批'), href: '/admin/releases/rollout/11/change/' },
      },
    ],
    health: ['database', 'beat', 'broker', 'mesh:lab', 'prometheus:lab'].map((name) => ({
      id: name,
      name,
      ok: true,
      detail: say('answered 1 s ago', '1 秒前有响应'),
    })),
  }
}

const ME: MeRow = {
  id: 1,
  name: 'operator',
  username: 'operator',
  language: 'en',
  roles: [{ role: 'operator', group: 'shop' }],
  permissions: ['pause'],
  is_superuser: false,
  channel: 'session',
  waiting_approvals: 2,
}
const page = <Row>(results: Row[]) => ({ next: null, previous: null, results })

function answer(url: URL, method: string, say: Say): unknown {
  const path = url.pathname.replace(/^\/api\/v1/, '')
  const number = (name: string, otherwise: number): number => Number(url.searchParams.get(name) ?? otherwise)
  const [, noun, id, part] = path.split('/')
  if (noun === 'me') return { ...ME, waiting_approvals: 1 }
  if (noun === 'overview') return overview(say)
  if (noun === 'clusters')
    return page([
      {
        id: 1,
        name: 'lab',
        grafana_url: 'http://grafana.example.com/',
        kiali_url: 'http://kiali.example.com/kiali',
        time_zone: 'Asia/Shanghai',
      },
    ])
  if (noun === 'metrics') return page([metric('errors', 0.005), metric('payments', 0.01), metric('p95-latency', 0.25)])
  if (noun === 'services' && part === 'traffic') return traffic(Number(id), say)
  if (noun === 'services' && part === 'metrics') return series(Number(id), number('seconds', 900), number('step', 15), say)
  if (noun === 'services' && id) return SERVICES.find((service) => service.id === Number(id))
  if (noun === 'rollouts' && method === 'POST') return rollout(Number(id), say)
  if (noun === 'rollouts' && part === 'verdicts') return page(verdicts(Number(id), say))
  if (noun === 'rollouts' && part === 'timeline') return page(timeline(Number(id), say))
  if (noun === 'rollouts' && part === 'preview')
    return {
      rollback_command: `kubectl -n shop patch virtualservice payment --type=json -p '[{"op":"replace","path":"/spec/http/0/route/1/weight","value":0}]'`,
    }
  if (noun === 'rollouts' && id) return rollout(Number(id), say)
  if (noun === 'rollouts')
    return page(rollouts(say).filter((row) => !url.searchParams.has('service') || row.service.id === number('service', 0)))
  if (noun === 'audit' && id === 'verify')
    return {
      valid: true,
      events: 48_213,
      seq: 48_213,
      verified_at: new Date().toISOString(),
      whole_verified_at: new Date().toISOString(),
      running: null,
      first_bad: null,
      detail: '',
      head: '',
      heads: 482,
    }
  if (noun === 'audit') return page([10, 12].flatMap((one) => timeline(one, say)).sort((a, b) => b.seq - a.seq))
  return undefined
}

function metric(name: string, margin: number) {
  return {
    id: 1,
    name,
    title: name,
    kind: 'ratio',
    role: name === 'payments' ? 'kpi' : 'guard',
    direction: 'lower_is_better',
    unit: '',
    margin,
  }
}

export function mockApi(): Plugin {
  return {
    name: 'weir-mock-api',
    configureServer(server) {
      server.middlewares.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        const url = new URL(request.url ?? '/', 'http://localhost')
        if (url.pathname === '/i18n/setlang/') return void takeLanguage(request, response)
        if (!url.pathname.startsWith('/api/v1/')) return next()
        const chinese = /weir_language=zh/.test(request.headers.cookie ?? '')
        const body = answer(url, request.method ?? 'GET', (en, zh) => (chinese ? zh : en))
        response.setHeader('Content-Type', 'application/json')
        response.statusCode = body === undefined ? 404 : 200
        response.end(JSON.stringify(body ?? { type: 'client_error', code: 'not_found', detail: 'Not found.', errors: [] }))
      })
    },
  }
}

async function takeLanguage(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  response.setHeader('Set-Cookie', `weir_language=${new URLSearchParams(body).get('language') ?? 'en'}; Path=/`)
  response.statusCode = 204
  response.end()
}
