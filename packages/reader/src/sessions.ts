import { isUuid } from '@vss-pipeline/delivery'
import type { Pool } from '@vss-pipeline/storage'
import type { CallLeg, Session } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { type DeliveryRow, selectDeliveriesOf } from './ledger.ts'
import { type AsRead, readSnapshot, selectRows } from './read.ts'

/** A row of `vss.sessions`. Timestamps are ISO 8601 in UTC with milliseconds. */
export interface SessionRow extends AsRead<Omit<Session, 'legs'>> {
  revision: number
  deliveryId: string
  receivedAt: string
  /** 64 hexadecimal digits. */
  bodySha256: string
  processedAt: string
  pipelineVersion: string
}

export type CallLegRow = AsRead<CallLeg>

export interface StoredSession {
  session: SessionRow
  /** In the order of their letters. */
  legs: CallLegRow[]
  /** Every delivery that was about this session, oldest first. */
  deliveries: DeliveryRow[]
}

/**
 * All that is stored of one session; null when there is no such session.
 *
 * @throws StorageFault, as all functions of this file.
 */
export async function readSession(pool: Pool, sessionId: string): Promise<StoredSession | null> {
  if (!isUuid(sessionId)) return null
  return await readSnapshot(pool, (client) => readAllOf(client, sessionId))
}

async function readAllOf(client: ClientBase, sessionId: string): Promise<StoredSession | null> {
  const [session] = await selectRows<SessionRow>(
    client,
    `SELECT
       session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
       client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
       answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies, revision,
       delivery_id, received_at, encode(body_sha256, 'hex') AS body_sha256, processed_at, pipeline_version
     FROM vss.sessions
     WHERE session_id = $1`,
    [sessionId],
  )
  if (session === undefined) return null
  return {
    session,
    legs: await readCallLegs(client, sessionId),
    deliveries: await selectDeliveriesOf(client, sessionId),
  }
}

async function readCallLegs(client: ClientBase, sessionId: string): Promise<CallLegRow[]> {
  return await selectRows(
    client,
    `SELECT
       leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at, ring_seconds,
       duration_seconds, source, destination, source_format, destination_format, source_country,
       destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
       packet_loss_rate, jitter_ms, error_code, error_message
     FROM vss.call_legs
     WHERE session_id = $1
     ORDER BY leg`,
    [sessionId],
  )
}
