import { execFile } from 'node:child_process'
import { cpSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { until } from '@vss-pipeline/local-stack'
import { repeatEvery } from '@vss-pipeline/runtime'
import { createPool, type Pool } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import {
  cutWorkerConnections,
  expectEveryPostAcknowledged,
  type FaultyPipeline,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'
import { isFlushBlocked } from '../support/ledger-lock.ts'
import { openAdminPool } from '../support/open-storage.ts'
import { isWorkerReady, surviveEndOfPostgres, surviveLockedLedger } from '../support/outages.ts'
import { folderOf, logOf, mountDiskForPostgres, moveLedgerTo } from '../support/postgres-disk.ts'
import { mayMount } from '../support/small-disk.ts'

const run = promisify(execFile)
const canMount = mayMount()

test.each([
  { is: 'is killed', seed: 'postgres-killed', count: 6_000, end: 'kill', awayMs: 2_000 },
  { is: 'is away for a minute', seed: 'postgres-away', count: 20_000, end: 'stop', awayMs: 60_000 },
] as const)('Postgres $is, and started again', async ({ seed, count, end, awayMs }) => {
  await surviveEndOfPostgres(await startFaultyPipeline(), { seed, count, end, awayMs })
})

test("the workers' connections are cut every 100 ms for 5 s", async () => {
  const pipeline = await startFaultyPipeline({ workers: 2 })
  const admin = openAdminPool(pipeline.postgres.url)
  let cuts = 0
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'postgres-storm',
    count: 8_000,
    connections: 4,
    async fault() {
      const endsAt = performance.now() + 5_000
      while (performance.now() < endsAt) {
        cuts += await cutWorkerConnections(admin)
        await pause(100)
      }
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(cuts, 'connections that were cut').toBeGreaterThan(20)
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
})

test('Postgres is read-only for 5 s, as a standby is', async () => {
  const pipeline = await startFaultyPipeline()
  const admin = openAdminPool(pipeline.postgres.url)
  let wasReady = true
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'postgres-read-only',
    count: 7_000,
    connections: 4,
    async fault() {
      await admin.query('ALTER SYSTEM SET default_transaction_read_only = on')
      await admin.query('SELECT pg_reload_conf()')
      await pause(5_000)
      wasReady = await isWorkerReady(pipeline)
      await admin.query('ALTER SYSTEM RESET default_transaction_read_only')
      await admin.query('SELECT pg_reload_conf()')
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(logOf(pipeline)).toContain('in a read-only transaction')
  expect(wasReady, 'a worker is ready while it cannot write').toBe(false)
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
})

test('all connections of Postgres are taken for 5 s', async () => {
  const pipeline = await startFaultyPipeline()
  let wasReady = true
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'postgres-crowded',
    count: 12_000,
    connections: 4,
    async fault() {
      const crowd = await takeAllConnections(pipeline)
      await pause(5_000)
      wasReady = await isWorkerReady(pipeline)
      crowd.leave()
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(wasReady, 'a worker is ready while it cannot connect').toBe(false)
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
})

test('another client takes the locks of a flush in the opposite order', async () => {
  const pipeline = await startFaultyPipeline()
  const admin = openAdminPool(pipeline.postgres.url)
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'postgres-deadlock',
    count: 6_000,
    connections: 4,
    async fault() {
      for (let times = 0; times < 3; times++) await provokeDeadlock(admin, pipeline.pool)
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(logOf(pipeline)).toContain('deadlock detected')
  // A connection reports its deadlocks to the statistics only after it has been idle for a while.
  await until('A deadlock in the statistics', async () => (await countDeadlocks(admin)) > 0, {
    timeoutMs: 20_000,
  })
  expect(aftermath.recoveredMs).toBeLessThan(60_000)
})

test('another client holds a lock for longer than flushes wait for one', async () => {
  const load = { seed: 'postgres-locked', count: 6_000, connections: 4 }
  await surviveLockedLedger(await startFaultyPipeline(), load)
})

test.skipIf(!canMount)('the disk of the ledger is full', async () => {
  const pipeline = await startFaultyPipeline()
  const admin = openAdminPool(pipeline.postgres.url)
  const disk = mountDiskForPostgres(pipeline, 'ledger-disk', 64)
  await moveLedgerTo(admin, disk.folder)
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'postgres-disk-full',
    count: 6_000,
    connections: 4,
    async fault() {
      disk.fill()
      await until('A full disk', () => logOf(pipeline).includes('No space left on device'), {
        timeoutMs: 20_000,
      })
      await pause(3_000)
      disk.makeRoom()
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(logOf(pipeline)).not.toContain('PANIC')
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
})

test.skipIf(!canMount)('the disk of the write-ahead log is full: Postgres panics', async () => {
  const pipeline = await startFaultyPipeline()
  const disk = mountDiskForPostgres(pipeline, 'wal-disk', 512)
  await pipeline.postgres.stop()
  moveWalTo(pipeline, disk.folder)
  await pipeline.postgres.start()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'postgres-wal-full',
    count: 15_000,
    connections: 8,
    async fault() {
      disk.fill()
      await until('A panic', () => logOf(pipeline).includes('PANIC'), { timeoutMs: 30_000 })
      await pause(3_000)
      disk.makeRoom()
      // After the panic Postgres may have ended, or may still try to recover.
      await pipeline.postgres.stop()
      await pipeline.postgres.start()
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
})

test('Postgres is frozen for 15 s', async () => {
  const pipeline = await startFaultyPipeline()
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'postgres-frozen',
    count: 6_000,
    connections: 4,
    async fault() {
      const thaw = await freezeAll(pipeline)
      try {
        await pause(15_000)
      } finally {
        thaw()
      }
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(aftermath.recoveredMs).toBeLessThan(60_000)
})

/**
 * Takes all connections of Postgres, as a superuser also the reserved ones. It cuts the workers' connections and takes
 * the free places until the workers have none, and then those that others leave.
 */
async function takeAllConnections(pipeline: FaultyPipeline): Promise<{ leave(): void }> {
  const admin = await openAdminPool(pipeline.postgres.url).connect()
  const crowd = createPool({
    databaseUrl: pipeline.postgres.url,
    maxConnections: 1_000,
    applicationName: 'vss-test-crowd',
  })
  const clients = [admin]
  let hasLeft = false
  let stopTaking: (() => void) | undefined
  function leave(): void {
    hasLeft = true
    stopTaking?.()
    for (const client of clients.splice(0)) client.release(true)
  }
  onTestFinished(async () => {
    leave()
    await crowd.end()
  })

  async function takeOne(): Promise<boolean> {
    try {
      clients.push(await crowd.connect())
      if (hasLeft) leave()
      return !hasLeft
    } catch (error) {
      if ((error as { code?: string }).code === '53300') return false
      throw error
    }
  }
  async function isCrowded(): Promise<boolean> {
    await cutWorkerConnections(admin)
    while (await takeOne());
    const { rowCount } = await admin.query(
      `SELECT FROM pg_stat_activity WHERE application_name = 'vss-worker'`,
    )
    return rowCount === 0
  }
  while (await takeOne());
  await until('A crowd without workers', isCrowded, { timeoutMs: 20_000 })
  // Idle connections of others end meanwhile, and a pooler needs one for all workers.
  stopTaking = repeatEvery(100, async () => void (await isCrowded().catch(() => false)))
  return { leave }
}

async function provokeDeadlock(admin: Pool, pool: Pool): Promise<void> {
  const client = await admin.connect()
  await client.query('BEGIN')
  // The flush must find the deadlock and fail. So this client looks for one much later.
  await client.query(`SET LOCAL deadlock_timeout = '60s'`)
  await client.query('LOCK TABLE vss.deliveries IN SHARE MODE')
  await until('A flush that waits for the ledger', () => isFlushBlocked(pool), { timeoutMs: 20_000 })
  await client.query('LOCK TABLE vss.sessions IN SHARE MODE')
  await client.query('COMMIT')
  client.release()
}

async function countDeadlocks(admin: Pool): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    'SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()',
  )
  return rows[0]?.count ?? 0
}

/** Moves the write-ahead log to another folder. Postgres must be stopped. */
function moveWalTo(pipeline: FaultyPipeline, folder: string): void {
  const wal = join(folderOf(pipeline), 'data', 'pg_wal')
  const moved = join(folder, 'pg_wal')
  cpSync(wal, moved, { recursive: true, preserveTimestamps: true })
  rmSync(wal, { recursive: true })
  symlinkSync(moved, wal)
}

/** Freezes the postmaster first, so that it starts no process, then its processes. @returns a function that thaws all. */
async function freezeAll({ postgres }: FaultyPipeline): Promise<() => void> {
  postgres.freeze()
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  const children = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === postgres.pid)
    .map(([pid]) => pid!)
  for (const pid of children) process.kill(pid, 'SIGSTOP')
  return () => {
    for (const pid of children) process.kill(pid, 'SIGCONT')
    postgres.thaw()
  }
}
