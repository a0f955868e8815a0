import { join } from 'node:path'
import { generateEvents } from '@vss-pipeline/generator'
import { createTemporaryFolder, startPostgres, until } from '@vss-pipeline/local-stack'
import { createPool, type Pool } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { expect, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../support/accounting.ts'
import { type FaultyServer, startFaultyServer } from '../../support/faulty-server.ts'
import { lockLedger } from '../../support/ledger-lock.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

test('while Postgres is away deliveries are acknowledged, and none is rejected for it', async () => {
  const postgres = await startOwnPostgres()
  const { webhookUrl, pool, workers, log } = await startRunningPipeline({ databaseUrl: postgres.url })

  await postgres.kill()
  const events = generateEvents({ seed: 'outage', count: 1_000, dirtyShare: 0.05 })
  const { acknowledged, answers } = await postUntilAcknowledged(webhookUrl, events, { connections: 16 })
  expect(Object.fromEntries(answers)).toEqual({ 200: 1_000 })
  await until('A worker that says it is not ready', async () => !(await isReady(workers[0]!.opsUrl)), {
    timeoutMs: 5_000,
  })

  await postgres.start()
  const backAt = performance.now()
  await until('The first row', async () => (await countLedger(pool)) > 0, { timeoutMs: 10_000, pollMs: 20 })
  // A worker tries again at least every 800 ms.
  expect(performance.now() - backAt).toBeLessThan(1_500)
  await expectAccountedFor(pool, acknowledged, { withinMs: 10_000 })
  expect(await isReady(workers[0]!.opsUrl)).toBe(true)
  // A flush warns once, however often it is tried.
  const warnings = log.filter((line) => line.includes('"level":"warn"'))
  expect(warnings.filter((line) => line.includes('the database is away')).length).toBeGreaterThan(0)
  expect(warnings.length).toBeLessThan(10)
})

test('connections that turned read-only are replaced by new ones that may write', async () => {
  const postgres = await startOwnPostgres()
  const { webhookUrl, pool, workers } = await startRunningPipeline({ databaseUrl: postgres.url })
  const before = generateEvents({ seed: 'before failover', count: 200 })
  const load = await postUntilAcknowledged(webhookUrl, before, { connections: 16 })
  await expectAccountedFor(pool, load.acknowledged, { withinMs: 10_000 })

  // As behind one address after a failover: connections from before may only read, new ones may write.
  const admin = openAdminPool(postgres.url)
  await admin.query('ALTER ROLE CURRENT_USER SET default_transaction_read_only = off')
  await admin.query('ALTER SYSTEM SET default_transaction_read_only = on')
  await admin.query('SELECT pg_reload_conf()')
  const isReadOnly = async () =>
    (await admin.query(`SELECT current_setting('default_transaction_read_only') AS value`)).rows[0].value ===
    'on'
  await until('The reload', isReadOnly, { timeoutMs: 5_000 })

  const after = generateEvents({ seed: 'after failover', count: 20 })
  const { acknowledged } = await postUntilAcknowledged(webhookUrl, after, { connections: 1 })
  await expectAccountedFor(pool, acknowledged, { withinMs: 5_000 })
  expect(await isReady(workers[0]!.opsUrl)).toBe(true)
})

test('a flush that finds the ledger locked waits in the worker, and goes on when the lock is released', async () => {
  const { webhookUrl, databaseUrl, pool, log } = await startRunningPipeline()
  const lock = await lockLedger(databaseUrl)
  const events = generateEvents({ seed: 'locked', count: 10 })
  const { acknowledged } = await postUntilAcknowledged(webhookUrl, events, { connections: 1 })

  await until('A wait for the lock that ended', () => log.some((line) => line.includes('55P03')), {
    timeoutMs: 10_000,
  })
  await lock.release()

  await expectAccountedFor(pool, acknowledged, { withinMs: 5_000 })
  expect(log.filter((line) => line.includes('will be retried'))).toEqual([])
})

test('a flush that finds a table missing waits in the worker, and goes on when the table is there', async () => {
  const { webhookUrl, pool, log } = await startRunningPipeline()
  await pool.query('ALTER TABLE vss.call_legs RENAME TO call_legs_not_made_yet')
  const events = generateEvents({ seed: 'unmigrated', count: 10 })
  const { acknowledged } = await postUntilAcknowledged(webhookUrl, events, { connections: 1 })

  await until('A wait', () => log.some((line) => line.includes('until vss migrate has run')), {
    timeoutMs: 10_000,
  })
  await pool.query('ALTER TABLE vss.call_legs_not_made_yet RENAME TO call_legs')

  await expectAccountedFor(pool, acknowledged, { withinMs: 5_000 })
  expect(log.filter((line) => line.includes('will be retried'))).toEqual([])
})

async function startOwnPostgres(): Promise<FaultyServer> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const postgres = await startFaultyServer(() =>
    startPostgres({ dataDir: join(folder.path, 'postgres'), port: 0 }),
  )
  onTestFinished(() => postgres.stop())
  await migrate({ databaseUrl: postgres.url })
  return postgres
}

/** Opens a pool of one connection, which keeps the settings with which it was opened. */
function openAdminPool(databaseUrl: string): Pool {
  const admin = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-test-admin' })
  onTestFinished(() => admin.end())
  return admin
}

async function isReady(opsUrl: string): Promise<boolean> {
  return (await fetch(`${opsUrl}/readyz`)).ok
}
