import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'

/** The first call reads when each session started, and takes about half a second a million. */
const refreshTimeoutMs = 600_000

/**
 * Follows the changes of the sessions, and counts the figures of one hour anew that has changed and settled since, the
 * newest such hour first. Without it vss.traffic gives the same figures, and takes longer.
 *
 * @returns whether an hour was counted: then there may be another one.
 * @throws StorageFault
 */
export async function refreshFigures(pool: Pick<Pool, 'query'>): Promise<boolean> {
  try {
    const query = {
      text: 'SELECT vss.refresh_figures() AS hours',
      query_timeout: refreshTimeoutMs,
    }
    const { rows } = await pool.query<{ hours: number }>(query)
    return rows[0]!.hours > 0
  } catch (error) {
    throw toStorageFault(error)
  }
}
