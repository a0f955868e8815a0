import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from, to } from 'pg-copy-streams'

const templates = 10_000

/**
 * Multiplies the stored sessions and their legs up to `count`, by COPY. Their ids are of version 1 and follow the time,
 * as the vendor's do. Empties the ledger.
 */
export async function loadStoredSessions(databaseUrl: string, count: number): Promise<void> {
  const source = new pg.Client({ connectionString: databaseUrl })
  const target = new pg.Client({ connectionString: databaseUrl })
  await Promise.all([source.connect(), target.connect()])
  try {
    await source.query('TRUNCATE vss.deliveries, vss.bodies')
    await source.query(
      `CREATE TEMP TABLE template AS
       SELECT session_id, row_number() OVER (ORDER BY started_at) - 1 AS number FROM vss.sessions LIMIT ${templates};
       CREATE TEMP TABLE template_session AS SELECT session.* FROM vss.sessions AS session JOIN template USING (session_id);
       CREATE TEMP TABLE template_leg AS SELECT leg.* FROM vss.call_legs AS leg JOIN template USING (session_id);
       ${versionOneId}`,
    )
    await target.query('TRUNCATE vss.sessions, vss.call_legs')
    // Switches the foreign keys off, because the sessions of all legs are known to be there.
    await target.query('SET session_replication_role = replica')
    for (const [table, template] of [
      ['vss.sessions', 'template_session'],
      ['vss.call_legs', 'template_leg'],
    ]) {
      const columns = await columnsAfterTheFirst(source, table!)
      const copies = Math.ceil(count / templates)
      const rows = `SELECT pg_temp.version_one_id(copy * ${templates} + number), ${columns}
        FROM generate_series(0, ${copies - 1}) AS copy, ${template} JOIN template USING (session_id)
        WHERE copy * ${templates} + number < ${count}`
      await pipeline(
        source.query(to(`COPY (${rows}) TO STDOUT (FORMAT binary)`)),
        target.query(from(`COPY ${table} FROM STDIN (FORMAT binary)`)),
      )
    }
    await target.query('VACUUM (ANALYZE) vss.sessions, vss.call_legs')
    await target.query('CHECKPOINT')
  } finally {
    await Promise.all([source.end(), target.end()])
  }
}

/** Makes an id for each 31 ms since the beginning of 2025, in units of 100 ns since 1582: RFC 9562, section 5.1. */
const versionOneId = `
CREATE FUNCTION pg_temp.version_one_id(number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (substr(ticks, 8, 8) || substr(ticks, 4, 4) || '1' || substr(ticks, 1, 3) || '8000' || '02420a000001')::uuid
  FROM lpad(to_hex(139549920000000000 + number * 310000), 15, '0') AS ticks
$$`

async function columnsAfterTheFirst(db: pg.Client, table: string): Promise<string> {
  const { rows } = await db.query<{ columns: string }>(
    `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 1 AND NOT attisdropped`,
    [table],
  )
  return rows[0]!.columns
}
