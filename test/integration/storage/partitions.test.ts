import { readDelivery } from '@vss-pipeline/reader'
import { createWriter, ensureLedgerPartitions } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { delivery, session } from '../../support/entries.ts'
import { monthStart, partitionName } from '../../support/ledger-partitions.ts'
import { openPool, openStorage, type Storage } from '../../support/open-storage.ts'

test('the migrations leave partitions of this month and the next two', async () => {
  const { pool } = await openStorage()

  expect(await monthPartitions({ pool })).toEqual([0, 1, 2].map(partitionName))
  expect(await ensureLedgerPartitions(pool)).toEqual([])
})

test('only missing months are created', async () => {
  const { pool } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(1)}`)

  expect(await ensureLedgerPartitions(pool)).toEqual([partitionName(1)])

  expect(await monthPartitions({ pool })).toEqual([0, 1, 2].map(partitionName))
})

test('two callers at once both succeed', async () => {
  const { pool } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(1)}, vss.${partitionName(2)}`)

  const created = await Promise.all([1, 2, 3, 4].map(() => ensureLedgerPartitions(pool)))

  expect(created.flat().sort()).toEqual([1, 2].map(partitionName))
})

test('a delivery goes to its month, or to the default partition where there is none', async () => {
  const { pool, writer } = await openStorage()
  const recent = delivery(session())
  const old = delivery(session(), { receivedAtMs: Date.UTC(2001, 0, 31, 23, 59) })
  await writer.write([recent, old])

  expect(await partitionOf({ pool }, recent.deliveryId)).toBe(partitionName(0))
  expect(await partitionOf({ pool }, old.deliveryId)).toBe('deliveries_default')
  expect(await readDelivery(pool, old.deliveryId)).toMatchObject({ outcome: 'stored' })
  expect(await writer.write([recent, old])).toEqual([])
})

test('a month whose deliveries are in the default partition is skipped, and the others are created', async () => {
  const { pool, writer } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(0)}, vss.${partitionName(1)}`)
  const early = delivery(session())
  await writer.write([early])

  expect(await ensureLedgerPartitions(pool)).toEqual([partitionName(1)])

  expect(await partitionOf({ pool }, early.deliveryId)).toBe('deliveries_default')
  expect(await writer.write([early])).toEqual([])
})

test('months begin at midnight UTC in a database of any time zone', async () => {
  const { pool, url } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(1)}`)
  await pool.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Kolkata''', current_database()); END $$`,
  )
  const elsewhere = openPool(url)

  expect(await ensureLedgerPartitions(elsewhere)).toEqual([partitionName(1)])

  const inUtc = await pool.connect()
  await inUtc.query(`SET timezone = 'UTC'`)
  const { rows } = await inUtc.query<{ bounds: string }>(
    'SELECT pg_get_expr(relpartbound, oid) AS bounds FROM pg_class WHERE relname = $1',
    [partitionName(1)],
  )
  inUtc.release(true)
  expect(rows[0]?.bounds).toContain(`FROM ('${monthStart(1).toISOString().slice(0, 10)} 00:00:00+00')`)
})

test('a role that may only write can store deliveries and have partitions created', async () => {
  const { pool, url } = await openStorage()
  const roleUrl = new URL(url)
  const role = `${roleUrl.pathname.slice(1)}_writer`
  roleUrl.username = role
  roleUrl.password = 'role'
  await pool.query(`
    CREATE ROLE ${role} LOGIN PASSWORD 'role';
    GRANT USAGE ON SCHEMA vss TO ${role};
    GRANT SELECT, INSERT, UPDATE ON vss.sessions TO ${role};
    GRANT SELECT, INSERT, DELETE ON vss.call_legs TO ${role};
    GRANT INSERT ON vss.deliveries TO ${role};
    GRANT SELECT (received_at, delivery_id) ON vss.deliveries TO ${role};
    GRANT INSERT ON vss.minute_tallies TO ${role};
    GRANT EXECUTE ON FUNCTION vss.ensure_ledger_partitions TO ${role};
    DROP TABLE vss.${partitionName(2)}`)
  onTestFinished(async () => {
    await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })
  const writerPool = openPool(roleUrl.href)

  expect(await ensureLedgerPartitions(writerPool)).toEqual([partitionName(2)])
  const entry = delivery(session())
  const writer = createWriter({ pool: writerPool, pipelineVersion: '1.2.3' })
  expect(await writer.write([entry])).toMatchObject([{ outcome: 'stored' }])
  await expect(writerPool.query('CREATE TABLE vss.mine ()')).rejects.toThrow('permission denied')
})

async function monthPartitions({ pool }: Pick<Storage, 'pool'>): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid
     WHERE inhparent = 'vss.deliveries'::regclass AND relname <> 'deliveries_default'
     ORDER BY relname`,
  )
  return rows.map((row) => row.name)
}

async function partitionOf({ pool }: Pick<Storage, 'pool'>, deliveryId: string): Promise<string | undefined> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM vss.deliveries AS delivery JOIN pg_class ON pg_class.oid = delivery.tableoid
     WHERE delivery_id = $1`,
    [deliveryId],
  )
  return rows[0]?.name
}
