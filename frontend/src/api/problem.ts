/** What went wrong with a request, in a form that pages can explain. */

export type ProblemKind = 'network' | 'login' | 'forbidden' | 'missing' | 'conflict' | 'blocked' | 'invalid' | 'upstream' | 'server'

export interface ProblemDetail {
  code: string
  text: string
  field: string
}

export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    message: string,
    readonly status = 0,
    readonly details: ProblemDetail[] = [],
  ) {
    super(message)
    this.name = 'Problem'
  }
}

const KINDS: Record<number, ProblemKind> = {
  400: 'invalid',
  401: 'login',
  403: 'forbidden',
  404: 'missing',
  409: 'conflict',
  410: 'missing',
  422: 'blocked',
  502: 'upstream',
  503: 'upstream',
  504: 'upstream',
}

/** Reads the API's one shape of errors; anything else (a proxy's page, say) still gets a kind from its status. */
export function problemFrom(status: number, body: unknown): Problem {
  const shape = isRecord(body) ? body : {}
  const listed = Array.isArray(shape.errors) ? shape.errors.filter(isRecord) : []
  const details = listed.map((error) => ({
    code: text(error.code),
    text: text(error.detail) || text(error.message),
    field: text(error.attr) || text(error.path),
  }))
  const codes = [text(shape.code), ...details.map((detail) => detail.code)]
  const kind = codes.includes('not_authenticated') ? 'login' : (KINDS[status] ?? 'server')
  const message = text(shape.detail) || details.map((detail) => detail.text).join(' ')
  return new Problem(kind, message, status, details)
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem('network', error instanceof Error ? error.message : String(error))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
