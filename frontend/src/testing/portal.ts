/** A portal that answers from a table and remembers what it was sent; everything else is 404. */
import { onTestFinished } from 'vitest'

export interface Received {
  method: string
  path: string
  headers: Headers
  body: unknown
}

type Answer = { status?: number; body: unknown } | 'unreachable'

export function fakePortal(answers: Record<string, Answer>): { received: Received[]; answers: Record<string, Answer> } {
  const real = globalThis.fetch
  const received: Received[] = []
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const path = new URL(request.url).pathname
    const text = await request.text()
    received.push({ method: request.method, path, headers: request.headers, body: text.startsWith('{') ? JSON.parse(text) : text })
    const answer = answers[`${request.method} ${path}`] ?? { status: 404, body: { code: 'not_found', detail: 'Not found.', errors: [] } }
    if (answer === 'unreachable') throw new TypeError('Failed to fetch')
    const status = answer.status ?? 200
    return new Response(status === 204 ? null : JSON.stringify(answer.body), { status, headers: { 'Content-Type': 'application/json' } })
  }
  onTestFinished(() => void (globalThis.fetch = real))
  return { received, answers }
}
