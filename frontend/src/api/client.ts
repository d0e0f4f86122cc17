/** The one way to the REST API: same origin, session cookie, CSRF token from the page, problems as `Problem`. */
import createClient, { type Middleware } from 'openapi-fetch'
import type { paths } from './contract'
import { noteServerTime } from './clock'
import { sendConfirmed } from './password'
import { asProblem, problemFrom } from './problem'

let freshToken = ''

/** The CSRF cookie's name depends on the portal's port, so the page carries the token; `me/` renews it after a log-in. */
export function csrfToken(): string {
  return freshToken || (document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? '')
}

export function noteCsrfToken(token: string | undefined): void {
  if (token) freshToken = token
}

export function loginHref(here = `${location.pathname}${location.search}`): string {
  return `/admin/login/?next=${encodeURIComponent(here)}`
}

const session: Middleware = {
  onRequest({ request }) {
    if (request.method !== 'GET') request.headers.set('X-CSRFToken', csrfToken())
    request.headers.set('Accept', 'application/json')
    return request
  },
  onResponse({ response }) {
    noteServerTime(response.headers.get('Date'))
  },
}

export const api = createClient<paths>({
  baseUrl: '/',
  credentials: 'same-origin',
  fetch: sendConfirmed,
})
api.use(session)

/** Returns the body of a good answer. Throws `Problem`; without a session it also leaves for the log-in page. */
export async function answer<Data>(pending: Promise<{ data?: Data; error?: unknown; response: Response }>): Promise<Data> {
  const { data, error, response } = await pending.catch((failure: unknown) => {
    throw asProblem(failure)
  })
  if (response.ok && data !== undefined) return data
  const problem = problemFrom(response.status, error)
  if (problem.kind === 'login') location.assign(loginHref())
  throw problem
}

/** Marks one intended effect, so that sending it twice does it once. `randomUUID` is missing outside secure contexts. */
export function idempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
