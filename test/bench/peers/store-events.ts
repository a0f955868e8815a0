import { hash } from 'node:crypto'
import { createGroupCommit, type GroupCommit } from '@vss-pipeline/runtime'
import { enrichSession, validateEvent } from '@vss-pipeline/vss'
import type { Pool } from 'pg'
import { v7 } from 'uuid'
import {
  deleteCallLegs,
  insertCallLegs,
  type SessionVersion,
  upsertSessions,
} from '../../../packages/storage/src/sessions.ts'

/**
 * What a peer at its best does with many events: stores the sessions and legs of all of them in one transaction of
 * three or four statements. They are the pipeline's own, with its binary arrays, because nothing faster is known
 * that decides as much; its ledger is left out. The event that came last decides, and one that is no session is
 * ignored.
 *
 * @param bodies request bodies as received, oldest first
 */
export async function storeEvents(pool: Pool, bodies: readonly Uint8Array[]): Promise<void> {
  const versions = bodies.flatMap(readVersion)
  // A statement may not touch a row twice, and takes locks in the order of the keys, as everyone does.
  const newest = [...new Map(versions.map((version) => [version.session.sessionId, version])).values()]
  newest.sort((one, other) => (one.session.sessionId < other.session.sessionId ? -1 : 1))
  if (newest.length === 0) return

  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const revisions = await upsertSessions(client, newest, 'peer')
    const revised = [...revisions].filter(([, revision]) => revision > 1).map(([sessionId]) => sessionId)
    if (revised.length > 0) await deleteCallLegs(client, revised)
    const written = newest.map(({ session }) => session).filter(({ sessionId }) => revisions.has(sessionId))
    if (written.length > 0) await insertCallLegs(client, written)
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
  return [
    {
      deliveryId: v7(),
      receivedAtMs: Date.now(),
      bodySha256: hash('sha256', body, 'buffer'),
      session: enrichSession(validation.session),
    },
  ]
}

/**
 * Has callers that come while a transaction is on its way share the next one.
 *
 * @param options.atOnce how many transactions may be on their way
 * @param options.minCountBeside how many events make one worth starting beside others
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
