import { hash } from 'node:crypto'
import { createGroupCommit, type GroupCommit } from '@vss-pipeline/runtime'
import { enrichSession, validateEvent } from '@vss-pipeline/vss'
import type { Pool } from 'pg'
import { v7 } from 'uuid'
import {
  deleteCallLegs,
  insertCallLegs,
  insertSessions,
  replaceSessions,
  type SessionVersion,
} from '../../../packages/storage/src/sessions.ts'

/**
 * Stores the sessions and legs of many events in one transaction of three to five statements, for a peer at its best.
 * The statements are the pipeline's own, with its binary arrays, because no faster ones are known. There is no ledger.
 * The event that came last decides. An event that is not a session is ignored.
 *
 * @param bodies request bodies as received, oldest first
 */
export async function storeEvents(pool: Pool, bodies: readonly Uint8Array[]): Promise<void> {
  const versions = bodies.flatMap(readVersion)
  // A statement cannot upsert a row twice. Sorted keys give all transactions the same order of locks.
  const newest = [...new Map(versions.map((version) => [version.session.sessionId, version])).values()]
  newest.sort((one, other) => (one.session.sessionId < other.session.sessionId ? -1 : 1))
  if (newest.length === 0) return

  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const insertedIds = await insertSessions(client, newest, 'peer')
    const revised = newest.filter(({ session }) => !insertedIds.has(session.sessionId))
    if (revised.length > 0) {
      await replaceSessions(client, revised, 'peer')
      await deleteCallLegs(
        client,
        revised.map(({ session }) => session.sessionId),
      )
    }
    await insertCallLegs(
      client,
      newest.map(({ session }) => session),
    )
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

function readVersion(body: Uint8Array): SessionVersion[] {
  const validation = validateEvent(body)
  if (!validation.ok) return []
  const receivedAtMs = Date.now()
  return [
    {
      deliveryId: v7(),
      receivedAtMs,
      bodySha256: hash('sha256', body, 'buffer'),
      session: enrichSession(validation.session, receivedAtMs),
    },
  ]
}

/**
 * Groups callers: those that come while a transaction is on its way share the next one.
 *
 * @param options.atOnce the most transactions on their way
 * @param options.minCountBeside the least events of a transaction that starts while another is on its way
 */
export function createGroupStore(
  pool: Pool,
  options: { atOnce: number; minCountBeside: number },
): GroupCommit<Uint8Array> {
  return createGroupCommit<Uint8Array>({
    commit: (bodies) => storeEvents(pool, bodies),
    sizeOf: (body) => ({ count: 1, bytes: body.length }),
    maxCount: 500,
    maxBytes: 1024 * 1024,
    maxInFlight: options.atOnce,
    minCountBeside: options.minCountBeside,
  })
}
