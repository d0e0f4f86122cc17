/** Figures that look like a shop's: a daily wave, noise that repeats for the same second, a candidate that may be worse. */
import type { Points } from '../src/api/contract'

export interface Behaviour {
  rps: number
  errors: number
  p50: number
  payments?: number
}

/** A number in 0-1 that is always the same for the same inputs. */
function noise(seed: number, at: number): number {
  const x = Math.sin(seed * 127.1 + at * 311.7) * 43758.5453
  return x - Math.floor(x)
}

function smooth(seed: number, at: number, step: number): number {
  const place = at / step
  const [before, share] = [Math.floor(place), place - Math.floor(place)]
  return noise(seed, before) * (1 - share) + noise(seed, before + 1) * share
}

const wave = (at: number): number => 0.8 + 0.2 * Math.sin((at / 86_400) * 2 * Math.PI)

export interface Share {
  /** Percent of requests at an instant (epoch seconds); 0 while the version has no traffic. */
  (at: number): number
}

export function figures(
  name: string,
  behaviour: Behaviour,
  share: Share,
  until: number,
  seconds: number,
  step: number,
): Record<string, Points> {
  const seed = [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) % 1000
  const lines: Record<string, Points> = { success_ratio: [], error_ratio: [], p50_ms: [], p95_ms: [], p99_ms: [], rps: [] }
  if (behaviour.payments) lines.payment_success_ratio = []
  const first = Math.ceil((until - seconds) / step) * step
  for (let at = first; at <= until; at += step) {
    const percent = share(at)
    if (!percent) continue
    const spread = Math.min(6, 24 / Math.sqrt(percent * behaviour.rps * 0.05 + 0.2))
    const bump = (offset: number): number =>
      1 + (smooth(seed + offset, at, step * 6) - 0.5) * 0.24 + (noise(seed + offset, at) - 0.5) * 0.05 * spread
    const errors = Math.max(0, behaviour.errors * bump(1) * (0.6 + 0.8 * smooth(seed, at, step * 9)))
    lines.error_ratio?.push([at, errors])
    lines.success_ratio?.push([at, 1 - errors])
    lines.p50_ms?.push([at, behaviour.p50 * bump(2)])
    lines.p95_ms?.push([at, behaviour.p50 * 2.6 * bump(3)])
    lines.p99_ms?.push([at, behaviour.p50 * 4.4 * bump(4)])
    lines.rps?.push([at, ((behaviour.rps * percent) / 100) * wave(at) * bump(5)])
    if (behaviour.payments) lines.payment_success_ratio?.push([at, Math.min(1, behaviour.payments + (bump(6) - 1) * 0.02)])
  }
  return lines
}

export const last = (points: Points | undefined): number | null => points?.at(-1)?.[1] ?? null
