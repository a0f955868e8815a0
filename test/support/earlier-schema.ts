import { join } from 'node:path'
import { migrate } from '@vss-pipeline/storage/migrate'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { deliveryIdAt } from './entries.ts'

const migrationsFolder = join(import.meta.dirname, '../..', 'packages', 'storage', 'migrations')

/** Brings an empty database to the schema of a release before this one, of its first so many migrations. */
export async function migrateToEarlier(client: pg.Client, migrations: number): Promise<void> {
  await client.query('CREATE SCHEMA vss')
  await runner({
    dbClient: client,
    dir: migrationsFolder,
    direction: 'up',
    count: migrations,
    migrationsSchema: 'vss',
    migrationsTable: 'migrations',
    logger: { info() {}, warn() {}, error() {} },
  })
  await client.query('SELECT vss.ensure_ledger_partitions(2)')
}

/** Fills the tables of migrations 1 to 4 with so many sessions, each with its delivery and two legs. */
export async function fillEarlier(client: pg.Client, sessions: number): Promise<void> {
  await client.query(
    `INSERT INTO vss.sessions (session_id, sub_account_id, status, started_at, ended_at, answered, caller, callee,
       anomalies, revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid, 'account', 'COMPLETED', now(), now(),
       true, '+12025550123', '+6560000001', '{}', 1, gen_random_uuid(), now(), sha256(''), now(), 'earlier'
     FROM generate_series(1, $1::integer) AS number`,
    [sessions],
  )
  await client.query(
    `INSERT INTO vss.call_legs (session_id, leg, call_id, direction, source, destination)
     SELECT session_id, leg, gen_random_uuid(), direction, '+1' || (2e9 + random() * 8e9)::bigint, '+6560000001'
     FROM vss.sessions, (VALUES ('A', 'INBOUND'), ('B', 'OUTBOUND')) AS legs (leg, direction)`,
  )
  await client.query(
    `INSERT INTO vss.deliveries (delivery_id, received_at, body, body_sha256, session_id, outcome, reasons,
       processed_at, pipeline_version)
     SELECT delivery_id, received_at, convert_to(repeat(md5(session_id::text), 10), 'UTF8'), body_sha256, session_id,
       'stored', '[]', now(), 'earlier'
     FROM vss.sessions`,
  )
}

/** Writes a session, its legs and its delivery as a worker of migrations 1 to 4 does. */
export async function writeAsEarlier(client: pg.Client, sessionId: string): Promise<void> {
  const receivedAtMs = Date.now()
  const deliveryId = deliveryIdAt(receivedAtMs)
  const receivedAt = new Date(receivedAtMs)
  await client.query('BEGIN')
  await client.query('SELECT FROM vss.deliveries WHERE received_at = $1 AND delivery_id = $2', [
    receivedAt,
    deliveryId,
  ])
  await client.query(
    `INSERT INTO vss.sessions AS current (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies,
       revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     VALUES ($1, 'account', 'BUSY', now(), now(), false, '{}', 1, $2, $3, sha256(''), now(), 'earlier')
     ON CONFLICT (session_id) DO UPDATE SET
       status = excluded.status,
       revision = current.revision + 1,
       delivery_id = excluded.delivery_id,
       received_at = excluded.received_at,
       processed_at = excluded.processed_at`,
    [sessionId, deliveryId, receivedAt],
  )
  await client.query('DELETE FROM vss.call_legs WHERE session_id = $1', [sessionId])
  await client.query(
    `INSERT INTO vss.call_legs (session_id, leg, call_id, direction, source, destination)
     VALUES ($1, 'A', gen_random_uuid(), 'INBOUND', '+12025550123', '+6560000001')`,
    [sessionId],
  )
  await client.query(
    `INSERT INTO vss.deliveries (delivery_id, received_at, body, body_sha256, session_id, outcome, reasons,
       processed_at, pipeline_version)
     VALUES ($1, $2, 'its body', sha256('its body'), $3, 'stored', '[]', now(), 'earlier')`,
    [deliveryId, receivedAt, sessionId],
  )
  await client.query('COMMIT')
}

/** The figures of a migration beside which an earlier worker wrote without a pause. */
export interface MigrationUnderLoad {
  writes: number
  longestWriteMs: number
  /** Each table with its file before and after. Another file is a rewrite. */
  files: { before: Record<string, number>; after: Record<string, number> }
}

/** Migrates to this release while an earlier worker inserts sessions and corrects those of {@link fillEarlier}. */
export async function migrateUnderLoad(databaseUrl: string): Promise<MigrationUnderLoad> {
  const writer = new pg.Client({ connectionString: databaseUrl })
  await writer.connect()
  try {
    const before = await filesOf(writer)
    const migrating = migrate({ databaseUrl }).finally(() => {
      isMigrating = false
    })
    let isMigrating = true
    let writes = 0
    let longestWriteMs = 0
    // One write at least comes after the migration.
    for (let isLast = false; !isLast; writes++) {
      isLast = !isMigrating
      const startedAt = performance.now()
      await writeAsEarlier(writer, `00000000-0000-4000-${writes % 2 ? '8' : '9'}000-${hexOf(writes + 1)}`)
      longestWriteMs = Math.max(longestWriteMs, performance.now() - startedAt)
    }
    await migrating
    return { writes, longestWriteMs, files: { before, after: await filesOf(writer) } }
  } finally {
    await writer.end()
  }
}

function hexOf(number: number): string {
  return number.toString(16).padStart(12, '0')
}

/** Files of tables and indexes, but for an index that has been replaced since. */
async function filesOf(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string; file: string }>(
    `SELECT relname AS name, pg_relation_filenode(oid) AS file FROM pg_class
     WHERE relnamespace = 'vss'::regnamespace AND relkind IN ('r', 'i')
       AND relname NOT IN ('migrations', 'sessions_started_at_idx')`,
  )
  return Object.fromEntries(rows.map(({ name, file }) => [name, Number(file)]))
}
