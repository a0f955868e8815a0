import { isUuid } from '@vss-pipeline/delivery'
import {
  type CallLegColumns,
  callLegColumns,
  type Pool,
  type SessionColumns,
  selected,
  sessionColumns,
} from '@vss-pipeline/storage'
import type { ClientBase } from 'pg'
import { type DeliveryRow, selectDeliveriesOf } from './ledger.ts'
import { readSnapshot, selectRows } from './read.ts'

/** A row of `vss.sessions`. Timestamps are ISO 8601 in UTC with milliseconds. */
export type SessionRow = SessionColumns

/** A row of `vss.call_legs`, without the session's id. */
export type CallLegRow = Omit<CallLegColumns, 'sessionId'>

export interface StoredSession {
  session: SessionRow
  /** In the order of their letters. */
  legs: CallLegRow[]
  /** Every delivery that was about this session, oldest first. */
  deliveries: DeliveryRow[]
}

const { sessionId: _, ...columnsOfLeg } = callLegColumns

/** The columns of a {@link CallLegRow}. */
export const legColumns = columnsOfLeg

export const selectSessionStatement = `SELECT
${selected(sessionColumns)}
FROM vss.sessions
WHERE session_id = $1`

export const selectCallLegsStatement = `SELECT
${selected(legColumns)}
FROM vss.call_legs
WHERE session_id = $1
ORDER BY leg`

/**
 * Reads all that is stored of one session; null when there is no such session.
 *
 * @throws StorageFault
 */
export async function readSession(pool: Pool, sessionId: string): Promise<StoredSession | null> {
  if (!isUuid(sessionId)) return null
  return await readSnapshot(pool, (client) => readAllOf(client, sessionId))
}

async function readAllOf(client: ClientBase, sessionId: string): Promise<StoredSession | null> {
  const [session] = await selectRows<SessionRow>(client, sessionColumns, selectSessionStatement, [sessionId])
  if (session === undefined) return null
  return {
    session,
    legs: await selectRows<CallLegRow>(client, legColumns, selectCallLegsStatement, [sessionId]),
    deliveries: await selectDeliveriesOf(client, sessionId),
  }
}
