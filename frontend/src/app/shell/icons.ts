/** Strokes on a 16 × 16 grid, drawn for Weir. `fill` marks the parts that are filled. */
interface Glyph {
  d: string
  fill?: string
  dash?: string
}

const RING = 'M8 1.75a6.25 6.25 0 1 1 0 12.5 6.25 6.25 0 0 1 0-12.5z'

export const ICONS = {
  check: { d: `${RING}m-2.6 6.45 1.8 1.8 3.5-3.8` },
  cross: { d: 'M5.4 1.75h5.2l3.65 3.65v5.2l-3.65 3.65H5.4L1.75 10.6V5.4zM6 6l4 4m0-4-4 4' },
  person: { d: 'M8 2.25a2.75 2.75 0 1 1 0 5.5 2.75 2.75 0 0 1 0-5.5zM2.75 14c.3-3 2.4-4.5 5.25-4.5s4.95 1.5 5.25 4.5' },
  pause: { d: `${RING}M6.4 5.8v4.4m3.2-4.4v4.4` },
  play: { d: `${RING}M6.7 5.6v4.8L10.4 8z` },
  half: { d: RING, fill: 'M8 1.75a6.25 6.25 0 0 1 0 12.5z' },
  nodata: { d: 'M5.5 8h5', dash: RING },
  drift: { d: 'M2.5 5.75h11m-11 4.5h11M10.75 2.5l-5.5 11' },
  undo: { d: 'M5.5 3 2.5 6l3 3M2.5 6h7a3.75 3.75 0 0 1 0 7.5H6' },
  out: { d: 'M6.5 3.5h6v6m0-6-9 9' },
  theme: { d: 'M8 2.25a5.75 5.75 0 1 1 0 11.5 5.75 5.75 0 0 1 0-11.5z', fill: 'M8 2.25a5.75 5.75 0 0 1 0 11.5z' },
  sun: {
    d: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1.25v1.5m0 10.5v1.5M1.25 8h1.5m10.5 0h1.5M3.2 3.2l1.1 1.1m7.4 7.4 1.1 1.1m0-9.6-1.1 1.1m-7.4 7.4-1.1 1.1',
  },
  moon: { d: 'M13.5 9.6A5.75 5.75 0 0 1 6.4 2.5a5.75 5.75 0 1 0 7.1 7.1z' },
  down: { d: 'm4 6.25 4 4 4-4' },
  up: { d: 'm4 9.75 4-4 4 4' },
  right: { d: 'm6.25 4 4 4-4 4' },
  menu: { d: 'M2.5 4.5h11m-11 3.5h11m-11 3.5h11' },
  close: { d: 'm4 4 8 8m0-8-8 8' },
  clock: { d: `${RING}M8 4.75V8l2.25 1.5` },
  search: { d: 'M7 2.75a4.25 4.25 0 1 1 0 8.5 4.25 4.25 0 0 1 0-8.5zM10.2 10.2l3.3 3.3' },
  table: { d: 'M2.25 3.25h11.5v9.5H2.25zM2.25 6.5h11.5M2.25 9.6h11.5M6.5 6.5v6.25' },
  chart: { d: 'M2.25 2.5v11h11.5M4.75 10l2.5-3.25 2.25 1.75 3.5-4.5' },
  copy: { d: 'M5.75 5.75h7.5v7.5h-7.5zM10.25 5.75v-3h-7.5v7.5h3' },
  shield: { d: 'M8 1.75 13 3.5v4.25c0 3-2 5.25-5 6.5-3-1.25-5-3.5-5-6.5V3.5zM5.75 8l1.6 1.6 2.9-3.1' },
  flag: { d: 'M3.5 14V2.5h8.25L10 5.5l1.75 3H3.5' },
} as const satisfies Record<string, Glyph>

export type IconName = keyof typeof ICONS

export const glyph = (name: IconName): Glyph => ICONS[name]
