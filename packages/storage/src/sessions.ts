import type { CallLeg, Session } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import {
  booleanArray,
  byteArray,
  doubleArray,
  integerArray,
  realArray,
  textArray,
  timestampArray,
  uuidArray,
} from './arrays.ts'

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
  const sessions = versions.map((version) => version.session)
  const { rows } = await client.query<{ session_id: string; revision: number }>(
    `INSERT INTO vss.sessions AS current (
       session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
       client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
       answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max, anomalies,
       delivery_id, received_at, body_sha256, revision, processed_at, pipeline_version
     )
     SELECT
       session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action, call_count,
       client_request_id, schema_version, error_code, error_message, error_meaning, caller, virtual_number, callee,
       answered, ring_seconds, talk_seconds, mos_min, mos_band, packet_loss_max, jitter_ms_max,
       string_to_array(anomalies, ','),
       delivery_id, received_at, body_sha256, 1, now(), $28
     FROM unnest(
       $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::double precision[], $7::text[],
       $8::integer[], $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[], $14::text[],
       $15::text[], $16::text[], $17::boolean[], $18::double precision[], $19::double precision[], $20::real[],
       $21::text[], $22::real[], $23::real[], $24::text[], $25::uuid[], $26::timestamptz[], $27::bytea[]
     ) AS new (
       session_id, sub_account_id, status, started_at, ended_at, duration_seconds, last_action,
       call_count, client_request_id, schema_version, error_code, error_message, error_meaning, caller,
       virtual_number, callee, answered, ring_seconds, talk_seconds, mos_min,
       mos_band, packet_loss_max, jitter_ms_max, anomalies, delivery_id, received_at, body_sha256
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
       received_at = excluded.received_at,
       body_sha256 = excluded.body_sha256,
       revision = current.revision + 1,
       processed_at = excluded.processed_at,
       pipeline_version = excluded.pipeline_version
     WHERE (excluded.received_at, excluded.delivery_id) > (current.received_at, current.delivery_id)
       AND excluded.body_sha256 <> current.body_sha256
     RETURNING session_id, revision`,
    [
      uuidArray(sessions.map((session) => session.sessionId)),
      textArray(sessions.map((session) => session.subAccountId)),
      textArray(sessions.map((session) => session.status)),
      timestampArray(sessions.map((session) => session.startedAtMs)),
      timestampArray(sessions.map((session) => session.endedAtMs)),
      doubleArray(sessions.map((session) => session.durationSeconds)),
      textArray(sessions.map((session) => session.lastAction)),
      integerArray(sessions.map((session) => session.callCount)),
      textArray(sessions.map((session) => session.clientRequestId)),
      integerArray(sessions.map((session) => session.schemaVersion)),
      integerArray(sessions.map((session) => session.errorCode)),
      textArray(sessions.map((session) => session.errorMessage)),
      textArray(sessions.map((session) => session.errorMeaning)),
      textArray(sessions.map((session) => session.caller)),
      textArray(sessions.map((session) => session.virtualNumber)),
      textArray(sessions.map((session) => session.callee)),
      booleanArray(sessions.map((session) => session.answered)),
      doubleArray(sessions.map((session) => session.ringSeconds)),
      doubleArray(sessions.map((session) => session.talkSeconds)),
      realArray(sessions.map((session) => session.mosMin)),
      textArray(sessions.map((session) => session.mosBand)),
      realArray(sessions.map((session) => session.packetLossMax)),
      realArray(sessions.map((session) => session.jitterMsMax)),
      textArray(sessions.map((session) => session.anomalies.join(','))),
      uuidArray(versions.map((version) => version.deliveryId)),
      timestampArray(versions.map((version) => version.receivedAtMs)),
      byteArray(versions.map((version) => version.bodySha256)),
      pipelineVersion,
    ],
  )
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

/** Inserts the legs of sessions that the caller has locked and that have no legs. */
export async function insertCallLegs(client: ClientBase, sessions: readonly Session[]): Promise<void> {
  const rows: { sessionId: string; leg: CallLeg }[] = []
  for (const { sessionId, legs } of sessions) for (const leg of legs) rows.push({ sessionId, leg })
  const legs = rows.map((row) => row.leg)
  await client.query(
    `INSERT INTO vss.call_legs (
       session_id, leg, call_id, direction, call_type, status, initiated_at, connected_at,
       disconnected_at, ring_seconds, duration_seconds, source, destination,
       source_format, destination_format, source_country, destination_country, source_ref_id, destination_ref_id,
       source_type, destination_type, mos, mos_band, packet_loss_rate, jitter_ms, error_code, error_message
     )
     SELECT * FROM unnest(
       $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
       $9::timestamptz[], $10::double precision[], $11::integer[], $12::text[], $13::text[],
       $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
       $20::text[], $21::text[], $22::real[], $23::text[], $24::real[], $25::real[], $26::integer[], $27::text[]
     )`,
    [
      uuidArray(rows.map((row) => row.sessionId)),
      textArray(legs.map((leg) => leg.leg)),
      uuidArray(legs.map((leg) => leg.callId)),
      textArray(legs.map((leg) => leg.direction)),
      textArray(legs.map((leg) => leg.callType)),
      textArray(legs.map((leg) => leg.status)),
      timestampArray(legs.map((leg) => leg.initiatedAtMs)),
      timestampArray(legs.map((leg) => leg.connectedAtMs)),
      timestampArray(legs.map((leg) => leg.disconnectedAtMs)),
      doubleArray(legs.map((leg) => leg.ringSeconds)),
      integerArray(legs.map((leg) => leg.durationSeconds)),
      textArray(legs.map((leg) => leg.source)),
      textArray(legs.map((leg) => leg.destination)),
      textArray(legs.map((leg) => leg.sourceFormat)),
      textArray(legs.map((leg) => leg.destinationFormat)),
      textArray(legs.map((leg) => leg.sourceCountry)),
      textArray(legs.map((leg) => leg.destinationCountry)),
      textArray(legs.map((leg) => leg.sourceRefId)),
      textArray(legs.map((leg) => leg.destinationRefId)),
      textArray(legs.map((leg) => leg.sourceType)),
      textArray(legs.map((leg) => leg.destinationType)),
      realArray(legs.map((leg) => leg.mos)),
      textArray(legs.map((leg) => leg.mosBand)),
      realArray(legs.map((leg) => leg.packetLossRate)),
      realArray(legs.map((leg) => leg.jitterMs)),
      integerArray(legs.map((leg) => leg.errorCode)),
      textArray(legs.map((leg) => leg.errorMessage)),
    ],
  )
}
