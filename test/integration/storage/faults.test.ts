import { until } from '@vss-pipeline/local-stack'
import { readDatabaseState, readSession } from '@vss-pipeline/reader'
import { createPool, createWriter, ensurePartitions, pingDatabase, StorageFault } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import type pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { inTransaction } from '../../../packages/storage/src/transaction.ts'
import { countLedgerByOutcome } from '../../support/accounting.ts'
import { connect, createEmptyDatabase } from '../../support/databases.ts'
import { migrateToEarlier } from '../../support/earlier-schema.ts'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openPool, openStorage } from '../../support/open-storage.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { lockDelivery, lockSession, waitingBackends } from './locks.ts'

test('a connection that is cut in mid-transaction is database_unavailable, and nothing of it stays', async () => {
  const { url, pool, writer } = await openStorage()
  const blocked = session()
  const entries = [delivery(session()), delivery(blocked), delivery(session())]
  const blocker = await lockSession(url, blocked.sessionId)

  const writing = expect(writer.write(entries)).rejects.toMatchObject({
    name: 'StorageFault',
    code: 'database_unavailable',
    sqlState: '57P01',
  })
  await terminateWaiting(blocker)
  await writing

  await blocker.query('ROLLBACK')
  expect(await countRows(blocker)).toEqual({ sessions: 0, legs: 0, deliveries: 0 })
  expect(await writer.write(entries)).toHaveLength(3)
  expect(await countLedgerByOutcome(pool)).toMatchObject({ stored: 3 })
})

test('a statement that takes too long is database_fault, and nothing of its transaction stays', async () => {
  const { url, writer } = await openStorage({ statementTimeoutMs: 200 })
  const blocked = session()
  const entries = [delivery(session()), delivery(blocked)]
  const blocker = await lockSession(url, blocked.sessionId)

  await expect(writer.write(entries)).rejects.toMatchObject({ code: 'database_fault', sqlState: '57014' })

  await blocker.query('ROLLBACK')
  expect(await countRows(blocker)).toEqual({ sessions: 0, legs: 0, deliveries: 0 })
  expect(await writer.write(entries)).toHaveLength(2)
})

test('a session stays whole when its correction fails between its legs and its ledger row', async () => {
  const { url, pool, writer } = await openStorage()
  const receivedAtMs = Date.now()
  const first = session()
  const corrected = session({ sessionId: first.sessionId, status: 'BUSY', legs: [callLeg('A')] })
  const correction = delivery(corrected, { receivedAtMs: receivedAtMs + 1 })
  await writer.write([delivery(first, { receivedAtMs })])
  const before = await readSession(pool, first.sessionId)
  const blocker = await lockDelivery(url, correction)

  const writing = expect(writer.write([correction])).rejects.toMatchObject({ code: 'database_unavailable' })
  await terminateWaiting(blocker)
  await writing
  await blocker.query('ROLLBACK')

  expect(await readSession(pool, first.sessionId)).toEqual(before)
})

test('a server that falls silent is database_unavailable, and its connection is not used again', async () => {
  const { url } = await openStorage()
  const proxy = await openTcpProxy(url)
  const pool = openPool(proxy.url, { statementTimeoutMs: 100 })
  const writer = createWriter({ pool, pipelineVersion: '1.2.3' })
  const blocked = session()
  const entry = delivery(blocked)
  const blocker = await lockSession(url, blocked.sessionId)

  const writing = expect(writer.write([entry])).rejects.toMatchObject({
    code: 'database_unavailable',
    message: 'the database cannot be reached: Query read timeout',
  })
  await waitingBackends(blocker, 1)
  proxy.swallow()
  await writing

  expect(pool.totalCount).toBe(0)
  proxy.heal()
  await blocker.query('ROLLBACK')
  expect(await writer.write([entry])).toMatchObject([{ outcome: 'stored' }])
})

test('a table that is not there yet is schema_missing to writers and readers, and not the delivery’s', async () => {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const pool = openPool(database.url)
  const writer = createWriter({ pool, pipelineVersion: '1.2.3' })

  await expect(writer.write([delivery(session())])).rejects.toMatchObject({
    code: 'schema_missing',
    sqlState: '42P01',
  })
  await expect(readDatabaseState(pool, new Date())).rejects.toMatchObject({
    code: 'schema_missing',
    sqlState: '42P01',
  })
  await expect(ensurePartitions(pool)).rejects.toMatchObject({ code: 'schema_missing' })
  await expect(pingDatabase(pool)).rejects.toMatchObject({
    code: 'schema_missing',
    message: 'schema vss is missing: run the migrations',
  })
})

test('a schema of the release before is schema_missing to the writer and the readiness check', async () => {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  await migrateToEarlier(await connect(database.url), 4)
  const pool = openPool(database.url)
  const writer = createWriter({ pool, pipelineVersion: '1.2.3' })
  const oldSchema = {
    code: 'schema_missing',
    sqlState: '42703',
    message: expect.stringContaining('change_xid'),
  }

  await expect(writer.write([delivery(session())])).rejects.toMatchObject(oldSchema)
  await expect(pingDatabase(pool)).rejects.toMatchObject(oldSchema)

  await migrate({ databaseUrl: database.url })
  await expect(pingDatabase(pool)).resolves.toBeUndefined()
  expect(await writer.write([delivery(session())])).toMatchObject([{ outcome: 'stored' }])
})

test('a schema without a table of this release is schema_missing to the writer and the readiness check', async () => {
  const { pool, url, writer } = await openStorage()
  await (await connect(url)).query('DROP TABLE vss.minute_tallies CASCADE')
  const oldSchema = { code: 'schema_missing', message: expect.stringContaining('vss.minute_tallies') }

  await expect(writer.write([delivery(session())])).rejects.toMatchObject(oldSchema)
  await expect(pingDatabase(pool)).rejects.toMatchObject(oldSchema)
})

test('a read-only database is database_unavailable', async () => {
  const { url, pool, writer } = await openStorage()
  await expect(pingDatabase(pool)).resolves.toBeUndefined()
  await makeReadOnly(url)
  const fresh = openPool(url)

  await expect(pingDatabase(fresh)).rejects.toMatchObject({ code: 'database_unavailable' })
  await expect(
    createWriter({ pool: fresh, pipelineVersion: '1.2.3' }).write([delivery(session())]),
  ).rejects.toMatchObject({ code: 'database_unavailable', sqlState: '25006' })
  // Only new connections are read-only.
  expect(await writer.write([delivery(session())])).toHaveLength(1)
})

test('a connection that turned read-only is closed, and the next write has one that may write', async () => {
  const { pool, writer } = await openStorage()
  await pool.query('SET default_transaction_read_only = on')
  const entry = delivery(session())

  await expect(writer.write([entry])).rejects.toMatchObject({
    code: 'database_unavailable',
    sqlState: '25006',
  })

  expect(await writer.write([entry])).toMatchObject([{ outcome: 'stored' }])
})

test('a connection that is found read-only by the readiness check is closed', async () => {
  const { pool } = await openStorage()
  await pool.query('SET default_transaction_read_only = on')

  await expect(pingDatabase(pool)).rejects.toThrow('the database is read-only')

  await expect(pingDatabase(pool)).resolves.toBeUndefined()
})

test('a row that another connection holds is database_busy within seconds, and its connection is used again', async () => {
  const { url, pool, writer } = await openStorage()
  const blocked = session()
  const entries = [delivery(session()), delivery(blocked)]
  const blocker = await lockSession(url, blocked.sessionId)

  await expect(writer.write(entries)).rejects.toMatchObject({ code: 'database_busy', sqlState: '55P03' })

  expect(pool.idleCount).toBe(1)
  await blocker.query('ROLLBACK')
  expect(await countRows(blocker)).toEqual({ sessions: 0, legs: 0, deliveries: 0 })
  expect(await writer.write(entries)).toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }])
})

test('a writer that vanishes while it waits for a lock leaves its own locks sooner than any timeout', async () => {
  const { url, pool } = await openStorage()
  const proxy = await openTcpProxy(url)
  const vanishing = createWriter({ pool: openPool(proxy.url), pipelineVersion: '1.2.3' })
  const entry = delivery(session())
  const blocker = await lockDelivery(url, entry)
  const writing = expect(vanishing.write([entry])).rejects.toMatchObject({ code: 'database_unavailable' })
  const [pid] = await waitingBackends(blocker, 1)

  proxy.reset()
  await writing

  const isGone = async () =>
    (await pool.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).rowCount === 0
  await until('The end of its server process', isGone, { timeoutMs: 3_500 })
})

test('a transaction limits itself, and the server gets no parameter before it that a pooler would refuse', async () => {
  const { pool } = await openStorage({ statementTimeoutMs: 12_000 })

  const inside = await inTransaction(pool, readLimits)
  const client = await pool.connect()
  const outside = await readLimits(client)
  const { rows: given } = await client.query(
    `SELECT name FROM pg_settings WHERE source = 'client' ORDER BY name`,
  )
  client.release()

  expect(inside).toEqual({
    statement_timeout: '12s',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '15s',
    client_connection_check_interval: '1s',
    tcp_keepalives_idle: '5',
    tcp_keepalives_interval: '2',
    tcp_keepalives_count: '3',
  })
  expect(outside).toMatchObject({ statement_timeout: '0', lock_timeout: '0' })
  expect(given.map(({ name }) => name)).toEqual(['application_name', 'client_encoding'])
})

test('a server that is not there is database_unavailable', async () => {
  const pool = createPool({
    databaseUrl: 'postgres://nobody:secret@127.0.0.1:1/nothing',
    maxConnections: 1,
    applicationName: 'vss-test',
  })
  const fault = await createWriter({ pool, pipelineVersion: '1.2.3' })
    .write([delivery(session())])
    .catch((error: unknown) => error)

  expect(fault).toBeInstanceOf(StorageFault)
  expect(fault).toMatchObject({ code: 'database_unavailable' })
  expect((fault as Error).message).toContain('ECONNREFUSED')
  expect((fault as Error).message).not.toContain('secret')
  await pool.end()
})

test('a database that is not there is database_unavailable', async () => {
  const url = new URL(inject('databaseUrl'))
  url.pathname = '/vss_no_such_database'
  await expect(pingDatabase(openPool(url.href))).rejects.toMatchObject({
    code: 'database_unavailable',
    sqlState: '3D000',
  })
})

test('connections that break while idle are replaced without anyone noticing', async () => {
  const { url, pool, writer } = await openStorage()
  await writer.write([delivery(session())])
  const admin = await connect(url)
  await admin.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )
  await until('The loss of the connections', () => pool.totalCount === 0, { timeoutMs: 10_000 })

  expect(await writer.write([delivery(session())])).toMatchObject([{ outcome: 'stored' }])
})

const limits = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'client_connection_check_interval',
  'tcp_keepalives_idle',
  'tcp_keepalives_interval',
  'tcp_keepalives_count',
]

async function readLimits(client: pg.ClientBase): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name',
    [limits],
  )
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

/** Cuts the connection that waits for this one. */
async function terminateWaiting(client: pg.Client): Promise<void> {
  const [pid] = await waitingBackends(client, 1)
  await client.query('SELECT pg_terminate_backend($1)', [pid])
}

async function makeReadOnly(url: string): Promise<void> {
  const client = await connect(url)
  await client.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`,
  )
}

async function countRows(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query(
    `SELECT (SELECT count(*)::integer FROM vss.sessions) AS sessions,
            (SELECT count(*)::integer FROM vss.call_legs) AS legs,
            (SELECT count(*)::integer FROM vss.deliveries) AS deliveries`,
  )
  return rows[0]
}
