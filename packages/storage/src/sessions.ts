import type { CallLeg, Session } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { timestampArray, uuidArray } from './arrays.ts'
import { callLegColumns, sessionColumns } from './columns.ts'
import { insertInto, replacements } from './statements.ts'

/** A session as one delivery tells it. */
export interface SessionVersion {
  deliveryId: string
  receivedAtMs: number
  /** Null only where there is no body, which the table refuses. */
  bodySha256: Buffer | null
  session: Session
}

/** The delivery that a stored session row stands for. */
export interface CurrentVersion {
  deliveryId: string
  receivedAtMs: number
  bodySha256: Buffer
}

const sessionInsert = insertInto('vss.sessions AS current', sessionColumns)

export const upsertSessionsStatement = `${sessionInsert.text}
ON CONFLICT (session_id) DO UPDATE SET
${replacements(sessionColumns, { key: 'sessionId' })}
WHERE (excluded.received_at, excluded.delivery_id) > (current.received_at, current.delivery_id)
  AND excluded.body_sha256 <> current.body_sha256
RETURNING session_id, revision`

/**
 * Inserts sessions, and replaces those whose row is of an older delivery with another body.
 *
 * Either way the row is locked until the transaction ends, also where the WHERE of the conflict is false: what
 * a later statement reads of these rows stays true. Rows are taken in the order given, which must be that of
 * `session_id`, so that two transactions cannot wait for each other. A session may occur only once.
 *
 * @returns the revision of each session that was written, by session id: 1 where it is new.
 */
export async function upsertSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
  pipelineVersion: string,
): Promise<Map<string, number>> {
  const values = sessionInsert.encode({
    session: versions.map((version) => version.session),
    version: versions,
  })
  const { rows } = await client.query<{ session_id: string; revision: number }>(upsertSessionsStatement, [
    ...values,
    pipelineVersion,
  ])
  return new Map(rows.map((row) => [row.session_id, row.revision]))
}

/** The version that each of these sessions' rows stands for, by session id. */
export async function selectCurrentVersions(
  client: ClientBase,
  sessionIds: readonly string[],
): Promise<Map<string, CurrentVersion>> {
  const { rows } = await client.query<{
    session_id: string
    delivery_id: string
    received_at: Date
    body_sha256: Buffer
  }>(
    `SELECT session_id, delivery_id, received_at, body_sha256
     FROM vss.sessions
     WHERE session_id = ANY ($1::uuid[])`,
    [uuidArray(sessionIds)],
  )
  return new Map(
    rows.map((row) => [
      row.session_id,
      { deliveryId: row.delivery_id, receivedAtMs: row.received_at.getTime(), bodySha256: row.body_sha256 },
    ]),
  )
}

/** Says of sessions, which the caller has locked, that a newer delivery told them as they are. */
export async function advanceSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
): Promise<void> {
  await client.query(
    `UPDATE vss.sessions AS current
     SET delivery_id = newer.delivery_id, received_at = newer.received_at
     FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS newer (session_id, delivery_id, received_at)
     WHERE current.session_id = newer.session_id`,
    [
      uuidArray(versions.map((version) => version.session.sessionId)),
      uuidArray(versions.map((version) => version.deliveryId)),
      timestampArray(versions.map((version) => version.receivedAtMs)),
    ],
  )
}

/** Removes every leg of sessions that the caller has locked. */
export async function deleteCallLegs(client: ClientBase, sessionIds: readonly string[]): Promise<void> {
  await client.query('DELETE FROM vss.call_legs WHERE session_id = ANY ($1::uuid[])', [uuidArray(sessionIds)])
}

const callLegInsert = insertInto('vss.call_legs', callLegColumns)

export const insertCallLegsStatement = callLegInsert.text

/** Inserts the legs of sessions that the caller has locked and that have no legs. */
export async function insertCallLegs(client: ClientBase, sessions: readonly Session[]): Promise<void> {
  const owners: Session[] = []
  const legs: CallLeg[] = []
  for (const session of sessions) {
    for (const leg of session.legs) {
      owners.push(session)
      legs.push(leg)
    }
  }
  await client.query(insertCallLegsStatement, callLegInsert.encode({ session: owners, leg: legs }))
}
