import { until } from '@vss-pipeline/local-stack'
import { readRetention } from '@vss-pipeline/reader'
import { letGo, type Pool, type RetentionDays, refreshFigures, rejudgePage } from '@vss-pipeline/storage'
import type { LedgerEntry } from '@vss-pipeline/vss'
import { expect, test } from 'vitest'
import { connect } from '../../support/databases.ts'
import { delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { bodiesOf, dayStart, monthStart, partitionName } from '../../support/ledger-partitions.ts'
import { openPool, openStorage } from '../../support/open-storage.ts'
import { waitingBackends } from './locks.ts'

const forEver: RetentionDays = { bodies: undefined, deliveries: undefined, sessions: undefined }

test('each kind of rows goes to the day, by its own days, in partitions and in the default one', async () => {
  const { pool, writer } = await openStorage()
  await makeBodyPartitions(pool, [-3, -2])
  const ages = [0, 2, 3, 70, 400]
  const entries = ages.map((daysAgo) => receivedAt(noonOf(-daysAgo)))
  await writer.write(entries)

  await letGoOfAll(pool, { bodies: 2, deliveries: 3, sessions: 70 })

  expect(await agesOf(pool, 'bodies')).toEqual([0, 2])
  expect(await agesOf(pool, 'deliveries')).toEqual([0, 2, 3])
  expect(await agesOf(pool, 'sessions')).toEqual([0, 2, 3, 70])
  const { rows } = await pool.query(
    'SELECT count(DISTINCT session_id)::integer AS sessions FROM vss.call_legs',
  )
  expect(rows).toEqual([{ sessions: 4 }])
  expect(await partitionExists(pool, bodiesOf(-3))).toBe(false)
  expect(await partitionExists(pool, bodiesOf(-2))).toBe(true)
  const states = await readRetention(pool)
  expect(states.map(({ kind, days, isSwept }) => ({ kind, days, isSwept }))).toEqual([
    { kind: 'bodies', days: 2, isSwept: true },
    { kind: 'deliveries', days: 3, isSwept: true },
    { kind: 'sessions', days: 70, isSwept: true },
  ])
  expect(states.map(({ oldestAt }) => oldestAt)).toEqual(
    [2, 3, 70].map((daysAgo) => new Date(noonOf(-daysAgo))),
  )
})

test('a month of the ledger is dropped when its last day is over, and a day of it goes row by row before', async () => {
  const { pool, writer } = await openStorage()
  const [older, old] = [monthStart(-3), monthStart(-2)]
  await makePartition(pool, 'deliveries', partitionName(-3), [older, old])
  await makePartition(pool, 'deliveries', partitionName(-2), [old, monthStart(-1)])
  const kept = receivedAt(old.getTime() + 36 * 3_600_000)
  await writer.write([
    receivedAt(older.getTime()),
    receivedAt(old.getTime()),
    receivedAt(old.getTime() + 1_000),
    kept,
  ])
  const days = Math.round((dayStart(0).getTime() - old.getTime()) / 86_400_000) - 1

  const { dropped, deleted } = await letGo(pool, { ...forEver, deliveries: days }, { rowsATransaction: 1 })

  expect(dropped).toEqual([partitionName(-3)])
  expect(deleted).toMatchObject({ deliveries: 2 })
  const { rows } = await pool.query('SELECT delivery_id FROM vss.deliveries')
  expect(rows).toEqual([{ delivery_id: kept.deliveryId }])
})

test('nothing goes where no days are set, and bodies go with their rows of the ledger', async () => {
  const { pool, writer } = await openStorage()
  await writer.write([receivedAt(noonOf(-500))])

  await letGoOfAll(pool, forEver)
  expect(await agesOf(pool, 'bodies')).toEqual([500])
  expect(await readRetention(pool)).toEqual([])

  await letGoOfAll(pool, { ...forEver, deliveries: 30 })
  expect([
    await agesOf(pool, 'bodies'),
    await agesOf(pool, 'deliveries'),
    await agesOf(pool, 'sessions'),
  ]).toEqual([[], [], [500]])
})

test('a session is old by its receipt: one dated 2099 goes, and one that a new delivery has told again stays', async () => {
  const { pool, writer } = await openStorage()
  const [future, corrected] = [session({ startedAtMs: Date.UTC(2099, 0) }), session()]
  await writer.write([
    delivery(future, { receivedAtMs: noonOf(-20) }),
    delivery(corrected, { receivedAtMs: noonOf(-20) }),
    delivery(corrected, { receivedAtMs: Date.now() }),
  ])

  await letGoOfAll(pool, { ...forEver, sessions: 10 })

  const { rows } = await pool.query('SELECT session_id FROM vss.sessions')
  expect(rows).toEqual([{ session_id: corrected.sessionId }])
})

test('what has gone stays gone when the setting becomes longer or is taken away', async () => {
  const { pool } = await openStorage()
  await letGoOfAll(pool, { ...forEver, sessions: 10 })

  await letGoOfAll(pool, { ...forEver, sessions: 1_000 })
  expect(await readRetention(pool)).toMatchObject([
    { kind: 'sessions', days: 1_000, keptFrom: dayStart(-10) },
  ])

  await letGoOfAll(pool, forEver)
  expect(await readRetention(pool)).toMatchObject([{ kind: 'sessions', days: null, keptFrom: dayStart(-10) }])
})

test('the functions refuse bodies that outlive their ledger rows, and less than a day', async () => {
  const { pool } = await openStorage()

  await expect(pool.query('SELECT vss.set_retention(2, 1, NULL)')).rejects.toThrow('at most ledger_days')
  await expect(pool.query('SELECT vss.set_retention(NULL, NULL, 0)')).rejects.toThrow(
    'retention_days_sensible',
  )
})

test('while a long report holds ledger and bodies no flush waits, the partition sticks by name, and goes afterwards', async () => {
  const { pool, url, writer } = await openStorage()
  await makeBodyPartitions(pool, [-5])
  const report = await connect(url)
  await report.query('BEGIN; SELECT count(*) FROM vss.deliveries; SELECT count(*) FROM vss.bodies')

  const letting = letGo(pool, { ...forEver, bodies: 2 })
  await waitingBackends(report, 1)
  const startedAtMs = performance.now()
  await writer.write([delivery(session())])
  const flushMs = performance.now() - startedAtMs

  expect((await letting).dropped).toEqual([])
  expect(flushMs).toBeLessThan(3_000)
  expect(await readRetention(pool)).toMatchObject([{ kind: 'bodies', stuckPartition: bodiesOf(-5) }])

  await report.query('ROLLBACK')
  // Not before a minute is over.
  expect((await letGo(pool, { ...forEver, bodies: 2 })).dropped).toEqual([])
  expect((await letGoAMinuteLater(pool, { ...forEver, bodies: 2 })).dropped).toEqual([bodiesOf(-5)])
  expect(await readRetention(pool)).toMatchObject([{ stuckPartition: null, stuckSeconds: null }])
})

test('one that is killed in the middle leaves what it has not let go of to the next', async () => {
  const { pool, url, writer } = await openStorage()
  const old = Array.from({ length: 60 }, (_, index) => receivedAt(noonOf(-20) + index))
  await writer.write([...old, receivedAt(Date.now())])
  const victim = openPool(url)
  const days = { bodies: 5, deliveries: 5, sessions: 5 }
  // Handled from the start, because it may end before the query that kills it is answered.
  const killed = letGo(victim, days, { rowsATransaction: 5 }).catch(() => undefined)

  await until('Some bodies gone', async () => (await agesOf(pool, 'bodies')).length < 61, {
    timeoutMs: 10_000,
  })
  await pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )
  await killed

  await letGoOfAll(pool, days)
  for (const kind of ['bodies', 'deliveries', 'sessions'] as const)
    expect(await agesOf(pool, kind), kind).toEqual([0])
})

test('of several workers one lets go, and a writer of an old session is not waited for', async () => {
  const { url, writer } = await openStorage()
  const held = session()
  await writer.write([delivery(held, { receivedAtMs: noonOf(-20) }), receivedAt(noonOf(-20))])
  const client = await connect(url)
  await client.query('BEGIN')
  await client.query('SELECT FROM vss.sessions WHERE session_id = $1 FOR UPDATE', [held.sessionId])

  const days = { ...forEver, sessions: 5 }
  const results = await Promise.all([1, 2, 3].map(() => letGo(openPool(url), days)))
  expect(results.reduce((sum, { deleted }) => sum + deleted.sessions, 0)).toBe(1)

  await client.query('ROLLBACK')
})

test('bodies that a release before kept in the ledger go as well, and their rows stay', async () => {
  const { pool, writer } = await openStorage()
  const entries = [-20, -20, -1].map((day, index) => rejectedDelivery({ receivedAtMs: noonOf(day) + index }))
  await writer.write(entries)
  await pool.query(
    `UPDATE vss.deliveries SET body = 'earlier';
     TRUNCATE vss.bodies;
     INSERT INTO vss.bodies_in_ledger (cleared_until, until) VALUES ('-infinity', now() + interval '1 day')`,
  )

  await letGo(pool, { ...forEver, bodies: 5 }, { rowsATransaction: 1 })

  const { rows } = await pool.query('SELECT body_text FROM vss.rejected ORDER BY received_at')
  expect(rows.map(({ body_text }) => body_text)).toEqual([null, null, 'earlier'])
  await pool.query(`UPDATE vss.bodies_in_ledger SET until = now() - interval '4 days'`)
  await pool.query(`UPDATE vss.retention SET kept_from = now(), swept_until = '-infinity'`)
  await letGo(pool, { ...forEver, bodies: 5 })
  expect((await pool.query('SELECT FROM vss.bodies_in_ledger')).rowCount).toBe(0)
})

test('reprocessing makes nothing that is older than retention keeps', async () => {
  const { pool, writer } = await openStorage()
  const content = session()
  const [old, recent] = [noonOf(-20), noonOf(-2)].map((receivedAtMs) => rejectedDelivery({ receivedAtMs }))
  await writer.write([old!, recent!])
  await letGoOfAll(pool, { ...forEver, sessions: 10 })

  const { deliveries } = await rejudgePage(pool, {
    selection: { until: new Date() },
    after: null,
    limit: 10,
    judge: (recorded) => ({ ...recorded, verdict: { kind: 'session', session: content } }),
    pipelineVersion: 'later',
    isDryRun: false,
  })

  expect(deliveries.map(({ deliveryId }) => deliveryId)).toEqual([recent!.deliveryId])
  expect(await agesOf(pool, 'sessions')).toEqual([2])
})

test('the figures are those of the sessions that are there, and the feed tells nothing of those that went', async () => {
  const { pool, writer } = await openStorage()
  const call = session()
  await writer.write([
    delivery(call, { receivedAtMs: noonOf(-20) }),
    delivery(session({ startedAtMs: call.startedAtMs }), { receivedAtMs: Date.now() }),
  ])
  while (await refreshFigures(pool)) {}
  const changes = 'SELECT session_id FROM vss.changes()'
  // Transactions of other tests on the server hold the feed back.
  await until('Both sessions', async () => (await pool.query(changes)).rowCount === 2, { timeoutMs: 20_000 })

  await letGoOfAll(pool, { ...forEver, sessions: 10 })

  expect((await pool.query(changes)).rowCount).toBe(1)
  const traffic = `SELECT sum(attempts)::integer AS attempts FROM vss.traffic($1, $2)`
  const span = [call.startedAtMs - 3_600_000, call.startedAtMs + 3_600_000].map((ms) => new Date(ms))
  expect((await pool.query(traffic, span)).rows).toEqual([{ attempts: 1 }])
  while (await refreshFigures(pool)) {}
  expect((await pool.query(traffic, span)).rows).toEqual([{ attempts: 1 }])
})

test('a year of days of bodies goes ten at a time', { timeout: 120_000 }, async () => {
  const { pool, writer } = await openStorage()
  const days = Array.from({ length: 365 }, (_, index) => index - 370)
  await makeBodyPartitions(pool, days)
  await writer.write([delivery(session())])

  const first = await letGo(pool, { ...forEver, bodies: 30 })
  const second = await letGoAMinuteLater(pool, { ...forEver, bodies: 30 })

  expect([...first.dropped, ...second.dropped]).toEqual(
    days.slice(0, first.dropped.length + second.dropped.length).map(bodiesOf),
  )
  expect(first.dropped.length).toBeGreaterThan(0)
})

function receivedAt(receivedAtMs: number): LedgerEntry {
  return delivery(session(), { receivedAtMs })
}

function noonOf(day: number): number {
  return dayStart(day).getTime() + (day === 0 ? 0 : 12 * 3_600_000)
}

/** Lets go as a worker does in some minutes. */
async function letGoOfAll(pool: Pool, days: RetentionDays): Promise<void> {
  for (let minutes = 0; minutes < 3; minutes++) await letGoAMinuteLater(pool, days)
}

async function letGoAMinuteLater(pool: Pool, days: RetentionDays): ReturnType<typeof letGo> {
  await pool.query('UPDATE vss.retention SET tried_at = NULL')
  return await letGo(pool, days)
}

/** The ages of the rows in days, the youngest first. */
async function agesOf(pool: Pool, kind: 'bodies' | 'deliveries' | 'sessions'): Promise<number[]> {
  const { rows } = await pool.query<{ age: number }>(
    `SELECT (now() AT TIME ZONE 'UTC')::date - (received_at AT TIME ZONE 'UTC')::date AS age FROM vss.${kind}`,
  )
  return rows.map(({ age }) => age).sort((one, other) => one - other)
}

async function makeBodyPartitions(pool: Pool, days: readonly number[]): Promise<void> {
  for (const day of days)
    await makePartition(pool, 'bodies', bodiesOf(day), [dayStart(day), dayStart(day + 1)])
}

async function makePartition(pool: Pool, parent: string, name: string, range: [Date, Date]): Promise<void> {
  await pool.query('SELECT vss.make_partition($1, $2, $3, $4)', [parent, name, ...range])
}

async function partitionExists(pool: Pool, name: string): Promise<boolean> {
  const { rows } = await pool.query<{ is: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS is`, [
    `vss.${name}`,
  ])
  return rows[0]!.is
}
