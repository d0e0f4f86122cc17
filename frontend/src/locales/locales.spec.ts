/** The two languages say the same things, and nothing else. */
import { describe, expect, test } from 'vitest'
import en from './en.json'
import zh from './zh-Hans.json'

type Messages = { [key: string]: string | Messages }
const SOURCES = import.meta.glob<string>(['../**/*.ts', '../**/*.vue', '!../**/*.spec.ts', '!../api/schema.d.ts', '!../testing/**'], {
  query: '?raw',
  import: 'default',
  eager: true,
})

function flat(messages: Messages, prefix = ''): Map<string, string> {
  return new Map(
    Object.entries(messages).flatMap(([key, value]) =>
      typeof value === 'string' ? [[prefix + key, value] as const] : [...flat(value, `${prefix}${key}.`)],
    ),
  )
}

const english = flat(en)
const chinese = flat(zh)
const code = Object.values(SOURCES).join('\n')
const literals = new Set([...code.matchAll(/'([a-z0-9_]+(?:\.[a-z0-9_]+)*)'/g)].map((match) => match[1]))
const asked = new Set([...code.matchAll(/\bt\(\s*'([^']+)'/g)].map((match) => match[1] ?? ''))
const placeholders = (text: string): string[] => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ''))].sort()

describe('messages', () => {
  test('both languages have the same keys', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
  })

  test('every key is used', () => {
    expect([...english.keys()].filter((key) => !literals.has(key))).toEqual([])
  })

  test('every key that is asked for exists', () => {
    expect(asked.size).toBeGreaterThan(100)
    expect([...asked].filter((key) => !english.has(key))).toEqual([])
  })

  test('keys in maps exist', () => {
    const roots = new Set([...english.keys()].map((key) => key.split('.')[0]))
    const meant = [...literals].filter((word): word is string => word !== undefined && word.includes('.') && roots.has(word.split('.')[0]))
    expect(meant.filter((key) => !english.has(key))).toEqual([])
  })

  test('a translation names nothing the original does not name', () => {
    const strange = [...chinese].filter(([key, text]) =>
      placeholders(text).some((name) => !placeholders(english.get(key) ?? '').includes(name)),
    )
    expect(strange).toEqual([])
  })

  test('no message is empty', () => {
    expect([...english, ...chinese].filter(([, text]) => !text.trim())).toEqual([])
  })
})
