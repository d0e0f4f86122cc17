/** Old sessions give the password again before a decision about production: the request waits, and is sent again after it. */

/** Asks the person; true when the portal knows the password now, false when it was not given. */
type Ask = () => Promise<boolean>

let ask: Ask = () => Promise.resolve(false)

/** The dialog says how to ask while it stands on the page. Returns how to take that back. */
export function askPasswordBy(how: Ask): () => void {
  ask = how
  return () => {
    if (ask === how) ask = () => Promise.resolve(false)
  }
}

/** Sends a request; when the answer wants the password, asks for it and sends the same request, key included, once more. */
export async function sendConfirmed(request: Request): Promise<Response> {
  const again = request.method === 'GET' ? null : request.clone()
  // Looked up at each call: whoever replaces fetch later (tests, tracing) is asked too.
  const response = await globalThis.fetch(request)
  if (!again || !(await wantsPassword(response)) || !(await ask())) return response
  return globalThis.fetch(again)
}

async function wantsPassword(response: Response): Promise<boolean> {
  if (response.status !== 403) return false
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null)
  return typeof body === 'object' && body !== null && 'code' in body && body.code === 'password_needed'
}
