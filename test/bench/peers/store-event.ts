import { enrichSession, type Session, validateEvent } from '@vss-pipeline/vss'
import type { Pool, PoolClient } from 'pg'
import { legColumns, legValues, placeholders, sessionValues, upsertSession } from './session-rows.ts'

/**
 * Validates an event, enriches it and stores its session and legs in one transaction, as node-postgres' documentation
 * shows: https://node-postgres.com/features/transactions
 *
 * It stores the same values as the pipeline, but no ledger. The event that is stored last decides. An event that is not
 * a session is ignored.
 *
 * @param body the request body as received
 */
export async function storeEvent(pool: Pool, body: Uint8Array): Promise<void> {
  const validation = validateEvent(body)
  if (!validation.ok) return
  const session = enrichSession(validation.session, Date.now())

  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(upsertSession, sessionValues(session, body))
    await client.query('DELETE FROM vss.call_legs WHERE session_id = $1', [session.sessionId])
    if (session.legs.length > 0) await insertLegs(client, session)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

/**
 * Does the same for the data of a job. Queues carry parsed JSON, but the validator takes bytes, so the data is written
 * as JSON again. That takes microseconds, and the transaction takes milliseconds.
 */
export async function storeJobData(pool: Pool, event: unknown): Promise<void> {
  await storeEvent(pool, Buffer.from(JSON.stringify(event)))
}

async function insertLegs(client: PoolClient, session: Session): Promise<void> {
  const rows = session.legs.map((leg) => legValues(session.sessionId, leg))
  await client.query(`INSERT INTO vss.call_legs (${legColumns}) VALUES ${placeholders(rows)}`, rows.flat())
}
