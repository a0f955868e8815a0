import { hash } from 'node:crypto'
import type { CallLeg, Session } from '@vss-pipeline/vss'
import { v7 } from 'uuid'

/** Inserts a session, or replaces it by the event that is stored last. Takes {@link sessionValues}. */
export const upsertSession = `INSERT INTO vss.sessions (
  session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
  client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
  answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
  delivery_id, body_sha256, revision, received_at, processed_at, pipeline_version
)
VALUES (
  $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
  $25, $26, 1, now(), now(), 'peer'
)
ON CONFLICT (session_id) DO UPDATE SET
  sub_account_id = excluded.sub_account_id,
  status = excluded.status,
  started_at = excluded.started_at,
  ended_at = excluded.ended_at,
  duration_seconds = excluded.duration_seconds,
  last_action = excluded.last_action,
  call_count = excluded.call_count,
  client_request_id = excluded.client_request_id,
  schema_version = excluded.schema_version,
  error_code = excluded.error_code,
  error_message = excluded.error_message,
  error_meaning = excluded.error_meaning,
  caller = excluded.caller,
  virtual_number = excluded.virtual_number,
  callee = excluded.callee,
  answered = excluded.answered,
  ring_seconds = excluded.ring_seconds,
  talk_seconds = excluded.talk_seconds,
  mos_min = excluded.mos_min,
  mos_band = excluded.mos_band,
  packet_loss_max = excluded.packet_loss_max,
  jitter_ms_max = excluded.jitter_ms_max,
  anomalies = excluded.anomalies,
  delivery_id = excluded.delivery_id,
  body_sha256 = excluded.body_sha256,
  revision = sessions.revision + 1,
  received_at = excluded.received_at,
  processed_at = excluded.processed_at,
  pipeline_version = excluded.pipeline_version`

/** The number of values that {@link upsertSession} takes. */
export const sessionValueCount = 26

export function sessionValues(session: Session, body: Uint8Array): unknown[] {
  return [
    session.sessionId,
    session.subAccountId,
    session.status,
    iso(session.startedAtMs),
    iso(session.endedAtMs),
    session.durationSeconds,
    session.lastAction,
    session.callCount,
    session.clientRequestId,
    session.schemaVersion,
    session.errorCode,
    session.errorMessage,
    session.errorMeaning,
    session.caller,
    session.virtualNumber,
    session.callee,
    session.answered,
    session.ringSeconds,
    session.talkSeconds,
    session.mosMin,
    session.mosBand,
    session.packetLossMax,
    session.jitterMsMax,
    session.anomalies,
    v7(),
    hash('sha256', body, 'buffer'),
  ]
}

/** The columns of {@link legValues}. */
export const legColumns = `
  session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at, disconnected_at,
  ring_seconds, duration_seconds, source, destination, source_format, destination_format, source_country,
  destination_country, source_ref_id, destination_ref_id, source_type, destination_type, mos, mos_band,
  packet_loss_rate, jitter_ms, error_code, error_message`

function iso(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString()
}

export function legValues(sessionId: string, leg: CallLeg): unknown[] {
  return [
    sessionId,
    leg.leg,
    leg.callId,
    leg.direction,
    leg.callType,
    leg.status,
    iso(leg.initiatedAtMs),
    iso(leg.connectedAtMs),
    iso(leg.disconnectedAtMs),
    leg.ringSeconds,
    leg.durationSeconds,
    leg.source,
    leg.destination,
    leg.sourceFormat,
    leg.destinationFormat,
    leg.sourceCountry,
    leg.destinationCountry,
    leg.sourceRefId,
    leg.destinationRefId,
    leg.sourceType,
    leg.destinationType,
    leg.mos,
    leg.mosBand,
    leg.packetLossRate,
    leg.jitterMs,
    leg.errorCode,
    leg.errorMessage,
  ]
}

/** @returns `($3, $4), ($5, $6)` for two rows of two values after two others. */
export function placeholders(rows: readonly unknown[][], before = 0): string {
  let count = before
  return rows.map((row) => `(${row.map(() => `$${++count}`).join(', ')})`).join(', ')
}
