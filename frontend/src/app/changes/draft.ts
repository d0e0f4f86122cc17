/** What is being edited: weights, rules, sticky users and a mirror, as fields of a form and as the API takes them. */
import type { SpecBody } from '@/api/contract'
import { isRule, type Comparison, type Destination, type Opaque, type Rule, type Source, type Sticky } from '@/app/traffic/rules'

export interface DraftRule {
  /** Only tells rows apart while they are moved about. */
  key: number
  name: string
  source: Source
  field: string
  comparison: Comparison
  /** The value, or user ids separated by commas, spaces or lines. */
  value: string
  to: Destination
}

export interface Draft {
  weight: number
  rules: DraftRule[]
  sticky: { on: boolean; header: string; percent: number; ids: 'decimal' | 'hex' }
  mirror: { on: boolean; percent: number }
}

let keys = 0
export const newRule = (): DraftRule => ({
  key: ++keys,
  name: '',
  source: 'header',
  field: '',
  comparison: 'exact',
  value: '',
  to: 'candidate',
})

/** Starts from what the mesh does now. */
export function draftFrom(now: { weight: number; rules: readonly (Rule | Opaque)[]; sticky: Sticky | null; mirror: number | null }): Draft {
  return {
    weight: now.weight,
    rules: now.rules.filter(isRule).map((rule) => ({
      key: ++keys,
      name: rule.name,
      source: rule.source,
      field: rule.field,
      comparison: rule.comparison,
      value: rule.comparison === 'users' ? rule.users.join('\n') : rule.value,
      to: rule.to,
    })),
    sticky: {
      on: now.sticky !== null,
      header: now.sticky?.header ?? 'x-user-id',
      percent: now.sticky?.percent ?? 10,
      ids: now.sticky?.ids ?? 'decimal',
    },
    mirror: { on: now.mirror !== null, percent: now.mirror ?? 10 },
  }
}

export const usersOf = (value: string): string[] => [...new Set(value.split(/[\s,;，；]+/).filter(Boolean))]

/** A source that user lists can not have falls back to a plain comparison. */
export const comparisonsOf = (source: Source): Comparison[] =>
  source === 'header' ? ['exact', 'prefix', 'regex', 'users'] : ['exact', 'prefix', 'regex']

export function specOf(draft: Draft): SpecBody {
  return {
    candidate_weight: draft.weight,
    rules: draft.rules.map(ruleBody),
    sticky: draft.sticky.on ? { header: draft.sticky.header.trim(), percent: draft.sticky.percent, ids: draft.sticky.ids } : null,
    mirror: draft.mirror.on ? { percent: draft.mirror.percent } : null,
  }
}

function ruleBody(rule: DraftRule): NonNullable<SpecBody['rules']>[number] {
  return {
    ...(rule.name.trim() ? { name: rule.name.trim() } : {}),
    [rule.source]: rule.field.trim(),
    [rule.comparison]: rule.comparison === 'users' ? usersOf(rule.value) : rule.value,
    to: rule.to,
  }
}

/** The first thing that is missing, as a message key; the server checks the rest. */
export function gapIn(draft: Draft): { key: 'changes.gap.weight' | 'changes.gap.rule' | 'changes.gap.sticky'; rule?: number } | null {
  if (!Number.isInteger(draft.weight) || draft.weight < 0 || draft.weight > 100) return { key: 'changes.gap.weight' }
  const rule = draft.rules.findIndex((one) => !one.field.trim() || !one.value.trim())
  if (rule >= 0) return { key: 'changes.gap.rule', rule: rule + 1 }
  if (draft.sticky.on && !draft.sticky.header.trim()) return { key: 'changes.gap.sticky' }
  return null
}

/** Moves a rule up or down: their order is their meaning. */
export function moved(rules: readonly DraftRule[], index: number, by: -1 | 1): DraftRule[] {
  const to = index + by
  const found = [...rules]
  const [rule] = found.splice(index, 1)
  if (rule) found.splice(Math.max(0, Math.min(found.length, to)), 0, rule)
  return found
}
