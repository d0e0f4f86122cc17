/** The server's clock as seen from here: a laptop that is minutes off must not count down to the wrong moment. */

const TRUST_MS = 2_000
let skewMs = 0

/** Takes the `Date` header, which has whole seconds: small differences are rounding, not skew. */
export function noteServerTime(header: string | null, local = Date.now()): void {
  const server = header ? Date.parse(header) : Number.NaN
  if (Number.isNaN(server)) return
  const difference = server - local
  skewMs = Math.abs(difference) > TRUST_MS ? difference : 0
}

export function serverNow(): number {
  return Date.now() + skewMs
}
