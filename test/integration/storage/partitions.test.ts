import { readDelivery } from '@vss-pipeline/reader'
import { createWriter, ensurePartitions } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { readBody } from '../../support/accounting.ts'
import { connect } from '../../support/databases.ts'
import { delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { bodiesOf, dayStart, monthStart, partitionName } from '../../support/ledger-partitions.ts'
import { openPool, openStorage, type Storage } from '../../support/open-storage.ts'
import { waitingBackends } from './locks.ts'

test('the migrations leave partitions of this month and the next two, and of today and a week', async () => {
  const { pool } = await openStorage()

  expect(await partitionsOf({ pool }, 'deliveries')).toEqual([0, 1, 2].map(partitionName))
  expect(await partitionsOf({ pool }, 'bodies')).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(bodiesOf))
  expect(await ensurePartitions(pool)).toEqual([])
})

test('only missing months and days are created', async () => {
  const { pool } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(1)}, vss.${bodiesOf(3)}`)

  expect(await ensurePartitions(pool)).toEqual([partitionName(1), bodiesOf(3)])

  expect(await partitionsOf({ pool }, 'deliveries')).toEqual([0, 1, 2].map(partitionName))
  expect(await partitionsOf({ pool }, 'bodies')).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(bodiesOf))
})

test('two callers at once both succeed', async () => {
  const { pool } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(1)}, vss.${partitionName(2)}, vss.${bodiesOf(7)}`)

  const created = await Promise.all([1, 2, 3, 4].map(() => ensurePartitions(pool)))

  expect(created.flat().sort()).toEqual([bodiesOf(7), ...[1, 2].map(partitionName)])
})

test('a delivery goes to its month, and its body to its day, or to the default partition where there is none', async () => {
  const { pool, writer } = await openStorage()
  const recent = delivery(session())
  const old = delivery(session(), { receivedAtMs: Date.UTC(2001, 0, 31, 23, 59) })
  await writer.write([recent, old])

  expect(await placesOf({ pool }, recent.deliveryId)).toEqual([partitionName(0), bodiesOf(0)])
  expect(await placesOf({ pool }, old.deliveryId)).toEqual(['deliveries_default', 'bodies_default'])
  expect(await readDelivery(pool, old.deliveryId)).toMatchObject({ outcome: 'stored' })
  expect(await writer.write([recent, old])).toEqual([])
})

test('rows that landed in the default partition move to their own when it is made', async () => {
  const { pool, writer } = await openStorage()
  const lastMonth = monthStart(-1)
  const dropped = [partitionName(0), partitionName(1), bodiesOf(0), bodiesOf(1)]
  await pool.query(`DROP TABLE ${dropped.map((name) => `vss.${name}`).join(', ')}`)
  const today = rejectedDelivery()
  const yesterday = delivery(session(), { receivedAtMs: dayStart(0).getTime() - 1 })
  const atStart = delivery(session(), { receivedAtMs: lastMonth.getTime() })
  const entries = [today, yesterday, atStart]
  await writer.write(entries)
  expect(await placesOf({ pool }, today.deliveryId)).toEqual(['deliveries_default', 'bodies_default'])

  expect(await ensurePartitions(pool)).toEqual(
    expect.arrayContaining([partitionName(-1), ...dropped, bodiesOf(-1)]),
  )

  expect(await placesOf({ pool }, today.deliveryId)).toEqual([partitionName(0), bodiesOf(0)])
  expect((await placesOf({ pool }, yesterday.deliveryId))[1]).toBe(bodiesOf(-1))
  expect((await placesOf({ pool }, atStart.deliveryId))[0]).toBe(partitionName(-1))
  for (const { deliveryId, body } of entries) expect(await readBody(pool, deliveryId)).toEqual(body)
  expect(await writer.write(entries)).toEqual([])
})

test('more rows than may move at once stay in the default partition, and the other days are created', async () => {
  const { pool } = await openStorage()
  await pool.query(`DROP TABLE vss.${bodiesOf(0)}, vss.${bodiesOf(1)}`)
  await pool.query(
    `INSERT INTO vss.bodies (delivery_id, received_at, body)
     SELECT gen_random_uuid(), date_trunc('day', now(), 'UTC'), '' FROM generate_series(0, 100000)`,
  )

  expect(await ensurePartitions(pool)).toEqual([bodiesOf(1)])

  const { rows } = await pool.query('SELECT count(*)::integer AS count FROM vss.bodies_default')
  expect(rows).toEqual([{ count: 100_001 }])
})

test('a flush does not wait for partitions that a long report keeps from being made', async () => {
  const { pool, url, writer } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(1)}, vss.${bodiesOf(3)}`)
  const report = await connect(url)
  await report.query('BEGIN; SELECT count(*) FROM vss.deliveries; SELECT count(*) FROM vss.bodies')

  const ensuring = ensurePartitions(pool)
  await waitingBackends(report, 1)
  const entry = delivery(session())
  const startedAt = performance.now()
  expect(await writer.write([entry])).toMatchObject([{ outcome: 'stored' }])

  expect(performance.now() - startedAt).toBeLessThan(2_000)
  await expect(ensuring).rejects.toMatchObject({ code: 'database_busy' })
  await report.query('ROLLBACK')
  expect(await ensurePartitions(pool)).toEqual([partitionName(1), bodiesOf(3)])
})

test('months and days begin at midnight UTC in a database of any time zone', async () => {
  const { pool, url } = await openStorage()
  await pool.query(`DROP TABLE vss.${partitionName(1)}, vss.${bodiesOf(1)}`)
  await pool.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Kolkata''', current_database()); END $$`,
  )
  const elsewhere = openPool(url)

  expect(await ensurePartitions(elsewhere)).toEqual([partitionName(1), bodiesOf(1)])

  const inUtc = await pool.connect()
  await inUtc.query(`SET timezone = 'UTC'`)
  const { rows } = await inUtc.query<{ bounds: string }>(
    'SELECT pg_get_expr(relpartbound, oid) AS bounds FROM pg_class WHERE relname = ANY ($1) ORDER BY relname DESC',
    [[partitionName(1), bodiesOf(1)]],
  )
  inUtc.release(true)
  for (const [index, start] of [monthStart(1), dayStart(1)].entries()) {
    expect(rows[index]?.bounds).toContain(`FROM ('${start.toISOString().slice(0, 10)} 00:00:00+00')`)
  }
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
    GRANT INSERT ON vss.bodies, vss.minute_tallies TO ${role};
    GRANT EXECUTE ON FUNCTION vss.ensure_ledger_partitions, vss.ensure_body_partitions TO ${role};
    DROP TABLE vss.${partitionName(2)}, vss.${bodiesOf(2)}`)
  onTestFinished(async () => {
    await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })
  const writerPool = openPool(roleUrl.href)

  expect(await ensurePartitions(writerPool)).toEqual([partitionName(2), bodiesOf(2)])
  const entry = delivery(session())
  const writer = createWriter({ pool: writerPool, pipelineVersion: '1.2.3' })
  expect(await writer.write([entry])).toMatchObject([{ outcome: 'stored' }])
  await expect(writerPool.query('CREATE TABLE vss.mine ()')).rejects.toThrow('permission denied')
})

async function partitionsOf(
  { pool }: Pick<Storage, 'pool'>,
  table: 'deliveries' | 'bodies',
): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid
     WHERE inhparent = $1::regclass AND relname !~ 'default$'
     ORDER BY relname`,
    [`vss.${table}`],
  )
  return rows.map((row) => row.name)
}

/** The partitions that have the delivery and its body. */
async function placesOf({ pool }: Pick<Storage, 'pool'>, deliveryId: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name
     FROM (
       SELECT tableoid FROM vss.deliveries WHERE delivery_id = $1
       UNION ALL
       SELECT tableoid FROM vss.bodies WHERE delivery_id = $1
     ) AS place JOIN pg_class ON pg_class.oid = place.tableoid
     ORDER BY name DESC`,
    [deliveryId],
  )
  return rows.map((row) => row.name)
}
