import type { CallLeg, Session } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { byteArray, timestampArray, uuidArray } from './arrays.ts'
import { callLegColumns, sessionColumns } from './columns.ts'
import { type Content, contentColumns, contentOfRows } from './content.ts'
import { copyInto } from './copy.ts'
import { insertInto, replacements, selected } from './statements.ts'

/** A session as one delivery tells it. */
export interface SessionVersion {
  deliveryId: string
  receivedAtMs: number
  /** Null when there is no body; the table refuses it. */
  bodySha256: Buffer | null
  session: Session
}

/** A session as it is stored, with the delivery that its row stands for. */
export interface CurrentVersion {
  deliveryId: string
  subAccountId: string
  receivedAtMs: number
  content: Content
}

const { deliveryId, receivedAtMs } = sessionColumns

export const readSessionsStatement = `SELECT
${selected({ ...contentColumns.session, deliveryId, receivedAtMs })}
FROM vss.sessions
WHERE session_id = ANY ($1::uuid[])
ORDER BY session_id`

export const lockSessionsStatement = `${readSessionsStatement}
FOR UPDATE`

const { sessionId } = callLegColumns

export const selectCallLegsStatement = `SELECT
${selected({ sessionId, ...contentColumns.leg })}
FROM vss.call_legs
WHERE session_id = ANY ($1::uuid[])
ORDER BY session_id, leg`

const sessionInsert = insertInto('vss.sessions AS current', sessionColumns)

export const insertSessionsStatement = `${sessionInsert.text}
ON CONFLICT (session_id) DO NOTHING
RETURNING session_id`

/**
 * Inserts the sessions that have no row. It waits for other transactions that insert, change or delete one of these
 * rows. A session may occur only once, and sessions must come in the order of their ids: see {@link lockSessions}.
 *
 * @returns the ids of the sessions that were inserted.
 */
export async function insertSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
  pipelineVersion: string,
): Promise<Set<string>> {
  const { rows } = await client.query<{ session_id: string }>(
    insertSessionsStatement,
    sessionValues(versions, pipelineVersion),
  )
  return new Set(rows.map((row) => row.session_id))
}

/**
 * Locks the rows of these sessions until the transaction ends, in the order of their ids. A session that has no row is
 * absent from the result.
 *
 * Flushes cannot wait for each other in a circle. A flush has three phases: it inserts sessions, locks sessions, records
 * deliveries. In each phase it takes the keys in one order. When it waits for a row, another flush has that row:
 *
 * - In the first phase the other has inserted or changed it. So it is in the same phase past that key, or in a later
 *   phase.
 * - In the second phase the other has locked it, because a row that this flush can see is committed. So it is in the
 *   second phase past that key, or in the third.
 * - In the third phase the other has recorded that delivery, and is past that key.
 *
 * So each flush waits for one that is further ahead, and no circle closes. Only a session that is deleted in between
 * takes a flush back to the first phase; should a circle close then, Postgres ends one of them, and it is tried again.
 *
 * @returns each stored session, by its id.
 */
export async function lockSessions(
  client: ClientBase,
  sessionIds: readonly string[],
): Promise<Map<string, CurrentVersion>> {
  return await selectSessions(client, lockSessionsStatement, sessionIds)
}

/** Reads these sessions without a lock: they may change at any time. @returns each stored session, by its id. */
export async function readSessions(
  client: ClientBase,
  sessionIds: readonly string[],
): Promise<Map<string, CurrentVersion>> {
  return await selectSessions(client, readSessionsStatement, sessionIds)
}

async function selectSessions(
  client: ClientBase,
  statement: string,
  sessionIds: readonly string[],
): Promise<Map<string, CurrentVersion>> {
  const { rows } = await client.query<SessionKey>(statement, [uuidArray(sessionIds)])
  const legs = await selectCallLegs(
    client,
    rows.map((row) => row.session_id),
  )
  return new Map(
    rows.map((row) => [
      row.session_id,
      {
        deliveryId: row.delivery_id,
        subAccountId: row.sub_account_id,
        receivedAtMs: row.received_at.getTime(),
        content: contentOfRows(row, legs.get(row.session_id) ?? []),
      },
    ]),
  )
}

interface SessionKey {
  session_id: string
  sub_account_id: string
  delivery_id: string
  received_at: Date
}

/** Reads the legs of sessions. @returns the rows by session id, in the order of their letters. */
async function selectCallLegs(
  client: ClientBase,
  sessionIds: readonly string[],
): Promise<Map<string, object[]>> {
  if (sessionIds.length === 0) return new Map()
  const { rows } = await client.query<{ session_id: string }>(selectCallLegsStatement, [
    uuidArray(sessionIds),
  ])
  return Map.groupBy(rows, (row) => row.session_id)
}

export const replaceSessionsStatement = `${sessionInsert.text}
ON CONFLICT (session_id) DO UPDATE SET
${replacements(sessionColumns, { key: 'sessionId' })}`

/** Gives other content to sessions whose rows the caller has locked. It counts a revision of each. */
export async function replaceSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
  pipelineVersion: string,
): Promise<void> {
  await client.query(replaceSessionsStatement, sessionValues(versions, pipelineVersion))
}

function sessionValues(versions: readonly SessionVersion[], pipelineVersion: string): unknown[] {
  const values = sessionInsert.encode({
    session: versions.map((version) => version.session),
    version: versions,
  })
  return [...values, pipelineVersion]
}

/** Names the newer delivery that told the same content, in rows that the caller has locked. */
export async function advanceSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
): Promise<void> {
  await client.query(
    `UPDATE vss.sessions AS current
     SET delivery_id = newer.delivery_id, received_at = newer.received_at, body_sha256 = newer.body_sha256
     FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bytea[])
       AS newer (session_id, delivery_id, received_at, body_sha256)
     WHERE current.session_id = newer.session_id`,
    [
      uuidArray(versions.map((version) => version.session.sessionId)),
      uuidArray(versions.map((version) => version.deliveryId)),
      timestampArray(versions.map((version) => version.receivedAtMs)),
      byteArray(versions.map((version) => version.bodySha256)),
    ],
  )
}

/** Removes every leg of sessions that the caller has locked. */
export async function deleteCallLegs(client: ClientBase, sessionIds: readonly string[]): Promise<void> {
  await client.query('DELETE FROM vss.call_legs WHERE session_id = ANY ($1::uuid[])', [uuidArray(sessionIds)])
}

const callLegCopy = copyInto('vss.call_legs', callLegColumns)

export const copyCallLegsStatement = callLegCopy.text

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
  if (legs.length > 0) await callLegCopy.write(client, { session: owners, leg: legs }, {})
}
