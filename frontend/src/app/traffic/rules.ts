/** The rules of a service in the order in which the mesh tries them, and where one request would go. Computes, never sends. */
import type { Json } from '@/api/contract'

export type Source = 'header' | 'cookie' | 'query'
export type Comparison = 'exact' | 'prefix' | 'regex' | 'users'
export type Destination = 'stable' | 'candidate'

export interface Rule {
  name: string
  source: Source
  field: string
  comparison: Comparison
  value: string
  users: string[]
  to: Destination
}

/** What the mesh does that is no rule of this form: shown as it is, never tried. */
export interface Opaque {
  name: string
  text: string
}

const SOURCES: readonly Source[] = ['header', 'cookie', 'query']
const COMPARISONS: readonly Comparison[] = ['exact', 'prefix', 'regex', 'users']

export function rulesFromApi(rows: readonly Json[]): (Rule | Opaque)[] {
  return rows.map((row, index) => (isRecord(row) ? ruleFrom(row) : null) ?? opaque(row, index))
}

function ruleFrom(row: Record<string, Json>): Rule | null {
  const source = SOURCES.find((key) => typeof row[key] === 'string')
  const comparison = COMPARISONS.find((key) => row[key] !== undefined && row[key] !== null)
  if (!source || !comparison) return null
  const given = row[comparison]
  return {
    name: text(row.name),
    source,
    field: text(row[source]),
    comparison,
    value: typeof given === 'string' ? given : '',
    users: Array.isArray(given) ? given.map(String) : [],
    to: row.to === 'stable' ? 'stable' : 'candidate',
  }
}

function opaque(row: Json, index: number): Opaque {
  const name = isRecord(row) ? text(row.name) : ''
  return { name: name || `#${index + 1}`, text: JSON.stringify(row) }
}

export const isRule = (rule: Rule | Opaque): rule is Rule => 'source' in rule

/** The same users always see the candidate: those whose id ends in one of `percent` percent of the endings. */
export interface Sticky {
  header: string
  percent: number
  offset: number
  ids: 'decimal' | 'hex'
}

export function stickyFromApi(row: Json): Sticky | null {
  if (!isRecord(row) || typeof row.header !== 'string') return null
  return {
    header: row.header,
    percent: Number(row.percent ?? 0),
    offset: Number(row.offset ?? 0),
    ids: row.ids === 'hex' ? 'hex' : 'decimal',
  }
}

export interface Request {
  headers: Record<string, string>
  cookies: Record<string, string>
  query: Record<string, string>
}

export type Step = { rule: Rule | Opaque | Sticky | null; outcome: 'hit' | 'missed' | 'absent' | 'unknown' | 'not_reached' }

/** Tries the rules in order; the first hit wins, `null` stands for the ordinary requests that the weights split. */
export function trace(request: Request, rules: readonly (Rule | Opaque)[], sticky: Sticky | null): Step[] {
  let decided = false
  const tried: (Rule | Opaque | Sticky | null)[] = [...rules, ...(sticky ? [sticky] : []), null]
  return tried.map((rule) => {
    if (decided) return { rule, outcome: 'not_reached' }
    const outcome = rule === null ? 'hit' : outcomeOf(request, rule)
    decided = outcome === 'hit'
    return { rule, outcome }
  })
}

function outcomeOf(request: Request, rule: Rule | Opaque | Sticky): Step['outcome'] {
  if ('percent' in rule) return stickyOutcome(request, rule)
  if (!isRule(rule)) return 'unknown'
  const given = valueOf(request, rule.source, rule.field)
  if (given === undefined) return 'absent'
  return matches(rule, given) ? 'hit' : 'missed'
}

function matches(rule: Rule, given: string): boolean {
  switch (rule.comparison) {
    case 'exact':
      return given === rule.value
    case 'prefix':
      return given.startsWith(rule.value)
    case 'users':
      return rule.users.includes(given)
    case 'regex':
      return fully(rule.value, given)
  }
}

/** Envoy compares the whole text; an expression that only RE2 understands matches nothing here. */
function fully(pattern: string, given: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test(given)
  } catch {
    return false
  }
}

function stickyOutcome(request: Request, sticky: Sticky): Step['outcome'] {
  const given = valueOf(request, 'header', sticky.header)
  if (given === undefined) return 'absent'
  const [digits, base] = sticky.ids === 'decimal' ? [/[0-9]{1,2}$/, 10] : [/[0-9a-f]{1,2}$/i, 16]
  const ending = digits.exec(given)?.[0]
  if (ending === undefined) return 'missed'
  const endings = base * base
  const count = Math.floor((sticky.percent * endings + 50) / 100)
  const place = (Number.parseInt(ending, base) - sticky.offset + endings * 2) % endings
  return place < count ? 'hit' : 'missed'
}

function valueOf(request: Request, source: Source, field: string): string | undefined {
  const fields = { header: request.headers, cookie: request.cookies, query: request.query }[source]
  const name = source === 'header' ? field.toLowerCase() : field
  return fields[name] || undefined
}

/** The fields a request needs to be told apart by these rules. */
export function fieldsOf(rules: readonly (Rule | Opaque)[], sticky: Sticky | null): { source: Source; field: string }[] {
  const asked = [
    ...rules.filter(isRule).map(({ source, field }) => ({ source, field })),
    ...(sticky ? [{ source: 'header' as const, field: sticky.header }] : []),
  ]
  return asked.filter((one, index) => asked.findIndex((other) => other.source === one.source && other.field === one.field) === index)
}

function isRecord(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
