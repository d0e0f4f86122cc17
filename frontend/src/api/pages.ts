/** Lists come in pages with a cursor inside the URL of the next one. */

export interface Page<Row> {
  next?: string | null
  results: Row[]
}

/** The most rows a page may have. */
export const PAGE_SIZE = 200

/** The cursor of the next page, "" if this is the last. */
export function cursorOf(page: { next?: string | null }): string {
  return page.next ? (new URL(page.next, location.origin).searchParams.get('cursor') ?? '') : ''
}

/** Reads page after page, at most `most` of them, and returns all rows in the API's order. */
export async function allRows<Row>(read: (query: { cursor?: string; page_size: number }) => Promise<Page<Row>>, most = 10): Promise<Row[]> {
  const rows: Row[] = []
  let cursor = ''
  for (let count = 0; count < most; count += 1) {
    const page = await read({ page_size: PAGE_SIZE, ...(cursor ? { cursor } : {}) })
    rows.push(...page.results)
    cursor = cursorOf(page)
    if (!cursor) break
  }
  return rows
}
