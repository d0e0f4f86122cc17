/** Who is looking, and what waits for them. */
import { useQuery } from '@tanstack/vue-query'
import { answer, api, noteCsrfToken } from '@/api/client'
import type { MeRow } from '@/api/contract'

export type Me = ReturnType<typeof meFromApi>

export function meFromApi(row: MeRow) {
  return {
    name: row.name || row.username,
    roles: row.roles,
    /** Events and actions that a role of this person grants somewhere. */
    permissions: row.permissions,
    isSuperuser: row.is_superuser,
    waitingApprovals: row.waiting_approvals,
  }
}

const EVERY_MS = 15_000

export function useMe() {
  return useQuery({
    queryKey: ['me'],
    queryFn: async () => {
      const row = await answer(api.GET('/api/v1/me/'))
      noteCsrfToken(row.csrf_token)
      return meFromApi(row)
    },
    refetchInterval: EVERY_MS,
  })
}
