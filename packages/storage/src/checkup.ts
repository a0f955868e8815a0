import type { ClientBase } from 'pg'
import { toStorageFault } from './errors.ts'
import { namesOfMigrations } from './migrations-folder.ts'
import { daysAhead, monthsAhead } from './partitions.ts'
import type { Pool } from './pool.ts'
import { privileges } from './privileges.ts'
import { inTransaction } from './transaction.ts'

/** How a Postgres is set up, for `vss doctor`. It judges nothing. */
export interface DatabaseCheckup {
  /** As people write it: `18.1`. */
  readonly version: string
  /** `18` of it. */
  readonly majorVersion: number
  readonly encoding: string
  /** A standby, or a server that somebody made read-only. */
  readonly isReadOnly: boolean
  /** The roles by which workers are connected now, with what makes one too mighty. */
  readonly workerRoles: readonly { name: string; isSuperuser: boolean; ownsSchema: boolean }[]
  /** The roles of deploy/postgres/roles.sql that the server lacks, or that may not use the schema. */
  readonly missingRoles: readonly string[]
  readonly schema: SchemaCheckup
  /** The partitions of this month and this day and the next ones that are missing, such as `deliveries_2026_03`. */
  readonly missingPartitions: readonly string[]
  readonly settings: {
    /** The names of the settings that are off, of fsync, synchronous_commit and full_page_writes. */
    readonly durabilityOff: readonly string[]
    /** Milliseconds; 0 for no limit. */
    readonly idleInTransactionTimeoutMs: number
    /** Milliseconds; 0 for no limit, and before Postgres 17. */
    readonly transactionTimeoutMs: number
  }
  /** How far its clock is ahead of that of this machine, in milliseconds, and how much that may be wrong. */
  readonly clock: ClockReading
}

/** The schema, as compared to the migrations of this release. */
export type SchemaCheckup =
  | { readonly state: 'absent' | 'not readable' }
  | { readonly state: 'there'; readonly missing: readonly string[]; readonly unknown: readonly string[] }

export interface ClockReading {
  readonly aheadMs: number
  readonly uncertaintyMs: number
}

/**
 * Reads how the database is set up. Any role may: only the names of migrations need one that reads rows.
 *
 * @throws StorageFault
 */
export async function readDatabaseCheckup(pool: Pool): Promise<DatabaseCheckup> {
  try {
    return await inTransaction(pool, async (client) => {
      // First, because the connection is there now: the time of the question is that of the way alone.
      const clock = await readClock(client)
      const schema = await readSchema(client)
      return {
        ...(await readServer(client)),
        schema,
        missingRoles: await readMissingRoles(client),
        workerRoles: await readWorkerRoles(client),
        missingPartitions: schema.state === 'absent' ? [] : await readMissingPartitions(client),
        settings: await readSettings(client),
        clock,
      }
    })
  } catch (error) {
    throw toStorageFault(error)
  }
}

async function readClock(client: ClientBase): Promise<ClockReading> {
  const askedAtMs = Date.now()
  const { rows } = await client.query<{ now_ms: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now_ms',
  )
  return clockReading({ askedAtMs, answeredAtMs: Date.now(), itsTimeMs: rows[0]!.now_ms })
}

/** Its time is that of some moment between question and answer. */
export function clockReading(times: {
  askedAtMs: number
  answeredAtMs: number
  itsTimeMs: number
}): ClockReading {
  const { askedAtMs, answeredAtMs, itsTimeMs } = times
  return {
    aheadMs: itsTimeMs - (askedAtMs + answeredAtMs) / 2,
    uncertaintyMs: (answeredAtMs - askedAtMs) / 2,
  }
}

async function readServer(
  client: ClientBase,
): Promise<Pick<DatabaseCheckup, 'version' | 'majorVersion' | 'encoding' | 'isReadOnly'>> {
  const { rows } = await client.query<{
    version: string
    number: number
    encoding: string
    read_only: boolean
  }>(
    `SELECT current_setting('server_version') AS version,
            current_setting('server_version_num')::integer AS number,
            current_setting('server_encoding') AS encoding,
            pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only`,
  )
  const { version, number, encoding, read_only: isReadOnly } = rows[0]!
  // Debian's packages add their own version: "15.14 (Debian 15.14-0+deb12u1)".
  return { version: version.split(' ')[0]!, majorVersion: Math.floor(number / 10_000), encoding, isReadOnly }
}

async function readSchema(client: ClientBase): Promise<SchemaCheckup> {
  const { rows } = await client.query<{ is_there: boolean; may_read: boolean | null }>(
    `SELECT to_regclass('vss.migrations') IS NOT NULL AS is_there,
            has_schema_privilege(oid, 'USAGE')
              AND has_table_privilege(to_regclass('vss.migrations'), 'SELECT') AS may_read
     FROM pg_namespace WHERE nspname = 'vss'`,
  )
  if (!rows[0]?.is_there) return { state: 'absent' }
  if (!rows[0].may_read) return { state: 'not readable' }
  const applied = (await client.query<{ name: string }>('SELECT name FROM vss.migrations')).rows.map(
    ({ name }) => name,
  )
  const own = await namesOfMigrations()
  return {
    state: 'there',
    missing: own.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !own.includes(name)),
  }
}

async function readMissingRoles(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) AS wanted (name)
     WHERE NOT EXISTS (
       SELECT FROM pg_roles WHERE rolname = name AND EXISTS (
         SELECT FROM pg_namespace WHERE nspname = 'vss' AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE')
       )
     )`,
    [['vss_migrator', ...Object.keys(privileges)]],
  )
  return rows.map(({ name }) => name).sort()
}

async function readWorkerRoles(client: ClientBase): Promise<DatabaseCheckup['workerRoles']> {
  const { rows } = await client.query<{ name: string; isSuperuser: boolean; ownsSchema: boolean }>(
    `SELECT DISTINCT rolname::text AS name, rolsuper AS "isSuperuser", coalesce(nspowner = pg_roles.oid, false) AS "ownsSchema"
     FROM pg_stat_activity
     JOIN pg_roles ON pg_roles.oid = usesysid
     LEFT JOIN pg_namespace ON nspname = 'vss'
     WHERE datname = current_database() AND application_name = $1`,
    [workerApplicationName],
  )
  return rows
}

/** The name that workers give their connections. */
export const workerApplicationName = 'vss-worker'

async function readMissingPartitions(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM (
       SELECT 'deliveries_' || to_char(now() AT TIME ZONE 'UTC' + make_interval(months => month), 'YYYY_MM') AS name
       FROM generate_series(0, $1::integer) AS month
       UNION ALL
       SELECT 'bodies_' || to_char(now() AT TIME ZONE 'UTC' + make_interval(days => day), 'YYYY_MM_DD') AS name
       FROM generate_series(0, $2::integer) AS day
     ) AS wanted
     WHERE NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = to_regnamespace('vss'))`,
    // A worker may take some hours until it makes that of the day that comes last.
    [monthsAhead, daysAhead - 1],
  )
  return rows.map(({ name }) => name)
}

async function readSettings(client: ClientBase): Promise<DatabaseCheckup['settings']> {
  // The transaction has limits of its own: a connection begins with those of reset_val.
  const { rows } = await client.query<{ name: string; value: string }>(
    `SELECT name, reset_val AS value FROM pg_settings
     WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'idle_in_transaction_session_timeout',
       'transaction_timeout')`,
  )
  const values = new Map(rows.map(({ name, value }) => [name, value]))
  return {
    durabilityOff: ['fsync', 'synchronous_commit', 'full_page_writes'].filter(
      (name) => values.get(name) === 'off',
    ),
    idleInTransactionTimeoutMs: Number(values.get('idle_in_transaction_session_timeout') ?? 0),
    transactionTimeoutMs: Number(values.get('transaction_timeout') ?? 0),
  }
}
