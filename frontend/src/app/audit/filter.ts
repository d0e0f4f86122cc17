/** The audit page's filters: what stands in the URL, and what the API is asked. */
import type { LocationQuery } from 'vue-router'
import type { AuditFilter } from '@/api/contract'

export const FIELDS = ['search', 'actor', 'action', 'outcome', 'service', 'rollout', 'since', 'until'] as const
export type Field = (typeof FIELDS)[number]
export type Fields = Record<Field, string>

const OUTCOMES = ['done', 'refused', 'failed'] as const

export const EMPTY: Fields = { search: '', actor: '', action: '', outcome: '', service: '', rollout: '', since: '', until: '' }

export function fieldsFrom(query: LocationQuery): Fields {
  const read = (name: Field): string => {
    const value = query[name]
    return typeof value === 'string' ? value : ''
  }
  return Object.fromEntries(FIELDS.map((name) => [name, read(name)])) as Fields
}

/** Only what is set, so that a link stays short. */
export function queryFrom(fields: Fields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value.trim() !== ''))
}

/** Dates are whole days of the browser's calendar; the API's `until` is not included, so it means the end of that day. */
export function filterFrom(fields: Fields): AuditFilter {
  const { since, until, ...rest } = queryFrom(fields)
  const day = (text: string, plus: number): string | null => {
    const [year, month, date] = text.split('-').map(Number)
    const at = new Date(year ?? Number.NaN, (month ?? Number.NaN) - 1, (date ?? Number.NaN) + plus)
    return Number.isNaN(at.getTime()) ? null : at.toISOString()
  }
  const from = since ? day(since, 0) : null
  const to = until ? day(until, 1) : null
  const { outcome, ...words } = rest
  const known = OUTCOMES.find((one) => one === outcome)
  return { ...words, ...(known ? { outcome: known } : {}), ...(from ? { since: from } : {}), ...(to ? { until: to } : {}) }
}

/** The trail as a file, of what the filters let through. */
export function exportHref(format: 'csv' | 'jsonl', fields: Fields): string {
  const asked = Object.entries(filterFrom(fields)).map(([name, value]): [string, string] => [name, String(value)])
  return `/api/v1/audit/export/?${new URLSearchParams([['format', format], ...asked]).toString()}`
}
