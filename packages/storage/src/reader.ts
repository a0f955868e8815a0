import type { CallLeg, Outcome, Reason, Session } from '@vss-pipeline/vss'
import { isDeliveryId, isUuid, receivedAtMsOf } from '@vss-pipeline/vss/delivery'
import type { PoolClient, QueryResultRow } from 'pg'
import { StorageFault, toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'
import { inTransaction } from './transaction.ts'

/** What is written with times in milliseconds is read with times as ISO 8601 text: `startedAtMs` as `startedAt`. */
type AsRead<Written> = {
  [Name in keyof Written as Name extends `${infer Event}AtMs`
    ? `${Event}At`
    : Name]: Name extends `${string}AtMs` ? Exclude<Written[Name], number> | string : Written[Name]
}

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

/** A row of `vss.deliveries` without its body. Timestamps are ISO 8601 in UTC with milliseconds. */
export interface DeliveryRow {
  deliveryId: string
  receivedAt: string
  sourceIp: string | null
  /** 64 hexadecimal digits; null where there is no body. */
  bodySha256: string | null
  sessionId: string | null
  outcome: Outcome
  reasons: Reason[]
  processedAt: string
  pipelineVersion: string
}

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
  return await read(pool, (client) => readAllOf(client, sessionId))
}

/**
 * Every delivery that was about this session, oldest first, also where there is no such session: all of them may
 * have been rejected.
 */
export async function readDeliveriesOf(pool: Pool, sessionId: string): Promise<DeliveryRow[]> {
  if (!isUuid(sessionId)) return []
  return await read(pool, (client) => readDeliveries(client, sessionId))
}

async function readAllOf(client: PoolClient, sessionId: string): Promise<StoredSession | null> {
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
    deliveries: await readDeliveries(client, sessionId),
  }
}

async function readCallLegs(client: PoolClient, sessionId: string): Promise<CallLegRow[]> {
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

/** All but the body, which not every role may read. */
const deliveryColumns = `
       delivery_id, received_at, source_ip, encode(body_sha256, 'hex') AS body_sha256, session_id, outcome,
       reasons, processed_at, pipeline_version`

async function readDeliveries(client: PoolClient, sessionId: string): Promise<DeliveryRow[]> {
  return await selectRows(
    client,
    `SELECT ${deliveryColumns}
     FROM vss.deliveries
     WHERE session_id = $1
     ORDER BY received_at, delivery_id`,
    [sessionId],
  )
}

/** One delivery's ledger row; without its body; null when the ledger has no such delivery. */
export async function readDelivery(pool: Pool, deliveryId: string): Promise<DeliveryRow | null> {
  if (!isDeliveryId(deliveryId)) return null
  const [delivery] = await read(pool, (client) =>
    selectRows<DeliveryRow>(
      client,
      `SELECT ${deliveryColumns}
       FROM vss.deliveries
       WHERE received_at = to_timestamp($1::double precision / 1000) AND delivery_id = $2`,
      // The id tells the partition: without received_at every month would be searched.
      [receivedAtMsOf(deliveryId), deliveryId],
    ),
  )
  return delivery ?? null
}

/** How many deliveries had each outcome; of those received at `since` or later, where it is given. */
export async function countLedgerByOutcome(
  pool: Pool,
  options: { since?: Date } = {},
): Promise<Record<Outcome, number>> {
  const rows = await read(pool, (client) =>
    selectRows<{ outcome: Outcome; deliveries: number }>(
      client,
      `SELECT outcome, count(*)::double precision AS deliveries
       FROM vss.deliveries
       WHERE received_at >= coalesce($1::timestamptz, '-infinity')
       GROUP BY outcome`,
      [options.since?.toISOString() ?? null],
    ),
  )
  const counts: Record<Outcome, number> = { stored: 0, duplicate: 0, superseded: 0, rejected: 0 }
  for (const { outcome, deliveries } of rows) counts[outcome] = deliveries
  return counts
}

/**
 * Returns when the database can take deliveries: reachable, not read-only, migrated, and open to its role's
 * writes. For readiness checks. A connection that is found read-only is closed.
 *
 * @throws StorageFault that says which of these it is not.
 */
export async function pingDatabase(pool: Pool): Promise<void> {
  try {
    await inTransaction(pool, expectWritable)
  } catch (error) {
    throw toStorageFault(error)
  }
}

async function expectWritable(client: PoolClient): Promise<void> {
  const [state] = await selectRows<{ isReadOnly: boolean; hasSchema: boolean; mayWrite: boolean }>(
    client,
    `SELECT current_setting('transaction_read_only')::boolean AS is_read_only,
            to_regclass('vss.deliveries') IS NOT NULL AS has_schema,
            (SELECT bool_and(has_table_privilege(to_regclass(name)::oid, 'INSERT'))
             FROM unnest(ARRAY['vss.deliveries', 'vss.sessions', 'vss.call_legs']) AS name) AS may_write`,
    [],
  )
  if (state?.isReadOnly) throw new StorageFault('database_unavailable', 'the database is read-only')
  if (!state?.hasSchema) {
    throw new StorageFault('database_fault', 'schema vss is missing: run the migrations')
  }
  if (!state.mayWrite) {
    throw new StorageFault(
      'database_fault',
      'the role of DATABASE_URL may not write to schema vss: give it vss_writer (deploy/postgres/roles.sql)',
    )
  }
}

/** Reads in a transaction, whose limits then hold, and from one snapshot. @throws StorageFault */
async function read<Result>(pool: Pool, select: (client: PoolClient) => Promise<Result>): Promise<Result> {
  try {
    return await inTransaction(pool, select, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  } catch (error) {
    throw toStorageFault(error)
  }
}

async function selectRows<Row>(client: PoolClient, text: string, values: unknown[]): Promise<Row[]> {
  const { rows } = await client.query<QueryResultRow>(text, values)
  return rows.map((row) => toModel(row) as Row)
}

/** Column names as the model spells them, timestamps as it writes them. */
function toModel(row: QueryResultRow): object {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value instanceof Date ? value.toISOString() : value,
    ]),
  )
}
