import type { Pool } from '@vss-pipeline/storage'
import { readSnapshot } from './read.ts'

/** A sub-account of which nothing came for longer than usual. */
export interface SilentSubAccount {
  subAccountId: string
  silentSeconds: number
}

/**
 * Reads the sub-accounts that are silent, the latest first. An id is as its sender wrote it: this gives only ids of the
 * documented form that have a letter, because a number might be a phone number.
 *
 * @param options.timeoutMs is the time for its statement, which reads up to 170 rows a sub-account.
 * @throws StorageFault
 */
export async function readSilentSubAccounts(
  pool: Pool,
  options: { maxSubAccounts: number; timeoutMs: number },
): Promise<SilentSubAccount[]> {
  const { maxSubAccounts, timeoutMs } = options
  return await readSnapshot(pool, async (client) => {
    await client.query(`SET LOCAL statement_timeout = ${Math.trunc(timeoutMs)}`)
    const { rows } = await client.query<SilentSubAccount>(
      `SELECT sub_account_id AS "subAccountId", extract(epoch FROM silent_for)::double precision AS "silentSeconds"
       FROM vss.sub_account_activity
       WHERE is_silent AND sub_account_id ~ '^[A-Za-z0-9._&-]{3,50}$' AND sub_account_id ~ '[A-Za-z]'
       ORDER BY last_received_at DESC, sub_account_id
       LIMIT $1`,
      [maxSubAccounts],
    )
    return rows
  })
}
