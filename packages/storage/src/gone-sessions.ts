import type { ClientBase } from 'pg'
import { timestampArray, uuidArray } from './arrays.ts'
import type { SessionVersion } from './sessions.ts'

/** A delivery comes after its call begins; a day is for clocks. */
const dayMs = 86_400_000

/** Without the bounds every month would be searched. OFFSET 0 has the index on the id used, once for each session. */
const selectGone = `SELECT wanted.session_id
FROM unnest($1::uuid[], $2::timestamptz[]) AS wanted (session_id, earliest)
WHERE NOT EXISTS (SELECT FROM vss.sessions WHERE sessions.session_id = wanted.session_id)
  AND EXISTS (
    SELECT FROM vss.deliveries AS delivery
    WHERE delivery.session_id = wanted.session_id AND delivery.outcome <> 'rejected'
      AND delivery.received_at >= wanted.earliest
      AND delivery.received_at >= (
        SELECT coalesce(max(kept_from), '-infinity') FROM vss.retention WHERE kind = 'sessions'
      )
    OFFSET 0
  )`

/**
 * Finds the sessions that must not be made again from the ledger. It is the one place that is asked.
 *
 * These are sessions without a row of which the ledger has a delivery that was no reject and that retention would still
 * keep: somebody has deleted the row, and meant it. A session that retention has let go of may be made again by a
 * delivery that is not old yet, as it would have been had that delivery been read rightly when it came.
 *
 * @param versions of sessions that seem to have no row
 * @returns ids of sessions
 */
export async function selectGoneSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
): Promise<Set<string>> {
  if (versions.length === 0) return new Set()
  const { rows } = await client.query<{ session_id: string }>(selectGone, [
    uuidArray(versions.map(({ session }) => session.sessionId)),
    timestampArray(
      versions.map(
        ({ session, receivedAtMs }) => Math.min(session.startedAtMs ?? receivedAtMs, receivedAtMs) - dayMs,
      ),
    ),
  ])
  return new Set(rows.map((row) => row.session_id))
}
