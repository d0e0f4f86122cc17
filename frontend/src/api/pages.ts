/** Lists come in pages with a cursor inside the URL of the next one. */
import type { Page } from './contract'

export function rowsOf<Row>(list: Page<Row> | Row[]): Row[] {
  return Array.isArray(list) ? list : list.results
}

/** The cursor of the next page, "" if this is the last. */
export function cursorOf(page: { next: string | null }): string {
  return page.next ? (new URL(page.next, location.origin).searchParams.get('cursor') ?? '') : ''
}
