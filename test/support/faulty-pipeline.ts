import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { generateEvents } from '@vss-pipeline/generator'
import { createTemporaryFolder, type RunningServer, startRedis, until } from '@vss-pipeline/local-stack'
import type { Pool } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import type { PoolClient } from 'pg'
import { expect, inject, onTestFailed, onTestFinished } from 'vitest'
import { countLedger, expectAccountedFor, expectInLedgerOnce } from './accounting.ts'
import { type FaultyServer, startFaultyServer } from './faulty-server.ts'
import { type Acknowledged, type Load, postUntilAcknowledged } from './load.ts'
import { keptDays, type RetentionRun, startRetentionRun } from './retention-run.ts'
import { type RunningPipeline, startRunningPipeline } from './running-pipeline.ts'
import { startTestPostgres } from './servers/postgres.ts'
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { sampleWatermark, type WatermarkSamples } from './watermark-samples.ts'

/** A pipeline whose watermark is looked at from the start on. */
export interface WatchedPipeline extends RunningPipeline {
  /** Taken past all proxies. */
  watermark: WatermarkSamples
}

export interface FaultyPipeline extends WatchedPipeline {
  redis: FaultyServer
  postgres: FaultyServer
  /** The proxies between the services and Redis, and between the workers and Postgres. */
  network: { redis: TcpProxy; postgres: TcpProxy }
  /** The folder of ingest's spool. */
  spoolDir: string
  /** Lets go of old rows from the start on, beside the proxy; undefined where the tests' configuration wants none. */
  retention: RetentionRun | undefined
}

/**
 * Starts the real services on a Postgres and a Redis of their own, with proxies between, until the test has finished.
 * Ingest has a spool, unless `SPOOL_DIR` is given as an empty text.
 */
export async function startFaultyPipeline(
  options: { workers?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<FaultyPipeline> {
  onTestFailed(tellHowToRepeat)
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const redis = await startOwnServer(() => startRedis({ dataDir: join(folder.path, 'redis'), port: 0 }))
  const postgres = await startOwnServer(() => startTestPostgres(join(folder.path, 'postgres')))
  await migrate({ databaseUrl: postgres.url })
  const network = { redis: await openTcpProxy(redis.url), postgres: await openTcpProxy(postgres.url) }

  const withRetention = inject('withRetention') === true
  const watermark = sampleWatermark(postgres.url)
  const spoolDir = join(folder.path, 'spool')
  const pipeline = await startRunningPipeline({
    workers: options.workers ?? 1,
    databaseUrl: network.postgres.url,
    redisUrl: network.redis.url,
    env: { SPOOL_DIR: spoolDir, ...(withRetention && retentionSettings), ...options.env },
  })
  const retention = withRetention ? startRetentionRun(postgres.url) : undefined
  onTestFinished(() => retention?.end())
  return { ...pipeline, redis, postgres, network, spoolDir, watermark, retention }
}

const retentionSettings = {
  BODY_RETENTION_DAYS: String(keptDays),
  LEDGER_RETENTION_DAYS: String(keptDays),
  SESSION_RETENTION_DAYS: String(keptDays),
}

/** Terminates the workers' connections to Postgres. @returns the number of connections. */
export async function cutWorkerConnections(admin: Pool | PoolClient): Promise<number> {
  const { rowCount } = await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vss-worker'`,
  )
  return rowCount ?? 0
}

function tellHowToRepeat(): void {
  const { currentTestName, testPath } = expect.getState()
  if (!testPath!.includes('/faults/')) return
  const file = basename(testPath!, '.test.ts')
  console.error(
    `To repeat this load: npm run test:faults -- ${file} --name ${JSON.stringify(currentTestName)}`,
  )
}

async function startOwnServer(launch: () => Promise<RunningServer>): Promise<FaultyServer> {
  const server = await startFaultyServer(launch)
  onTestFinished(() => server.stop())
  return server
}

/** A service uses up to 230 MB without a fault. During a fault it may use more, but not much. */
const mostMegabytes = 400
/** Logs must report a fault without a flood of lines. */
const mostComplaints = 100

/** The result of a fault, for docs/reliability.md. */
export interface Aftermath {
  acknowledged: Acknowledged[]
  answers: Load['answers']
  /** The time that all but one of a hundred POSTs took at most. */
  p99Ms: number
  /** Milliseconds from the end of the fault until every acknowledged delivery was in the ledger. */
  recoveredMs: number
}

/**
 * Posts events, causes a fault meanwhile, and compares the database with the acknowledged deliveries: each is in the
 * ledger exactly once, and each session is as its newest delivery says.
 *
 * @param options.fault breaks something and repairs it. It is called when some deliveries are in the ledger, and more
 *   are on their way.
 * @param options.seed the seed of the events: the same seed repeats the same load.
 * @param options.count the number of events. The load goes on until all are acknowledged, unless there is `restMs`.
 */
export async function surviveUnderLoad(
  pipeline: WatchedPipeline,
  options: {
    seed: string
    count: number
    connections?: number
    /** The load lasts as long as the fault. Each connection rests so long after an acknowledgement. */
    restMs?: number
    fault: () => Promise<void>
    withinMs?: number
  },
): Promise<Aftermath> {
  const { seed, count, connections = 16, restMs, fault, withinMs = 60_000 } = options
  const events = generateEvents({ seed, count, dirtyShare: 0.05 })
  const end = new AbortController()
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections, restMs, signal: end.signal })
  await until('The first rows', async () => (await countLedger(pipeline.pool)) >= count / 20, {
    timeoutMs: 30_000,
  })
  await fault()
  const healedAt = performance.now()
  if (restMs !== undefined) end.abort()
  const { acknowledged, answers, tookMs } = await load
  const p99Ms = Math.round(tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length * 0.99)]!)
  await expectInLedgerOnce(pipeline.pool, idsOf(acknowledged), { withinMs })
  const recoveredMs = Math.round(performance.now() - healedAt)
  await expectAccounted(pipeline, acknowledged, { withinMs: 0 })
  const passedMs = await expectTrueWatermark(pipeline, acknowledged)
  const peaks = await readMemoryPeaks(pipeline)
  console.log(
    `${seed}: ${acknowledged.length} acknowledged, 0 lost, 0 doubled, all in the ledger ${recoveredMs} ms after the fault, and ${passedMs} ms later the watermark passed them; answers ${JSON.stringify(Object.fromEntries(answers))}, 99 % within ${p99Ms} ms; ${complaints(pipeline).length} warnings; memory ${peaks.map(({ name, megabytes }) => `${name} ${megabytes} MB`).join(', ')}`,
  )
  expect(complaints(pipeline).length, 'warnings and errors in the logs').toBeLessThan(mostComplaints)
  for (const { name, megabytes } of peaks)
    expect(megabytes, `peak memory of ${name}`).toBeLessThan(mostMegabytes)
  return { acknowledged, answers, p99Ms, recoveredMs }
}

/** Longer than the mark of an ingest without a spool stands when that is gone. */
const watermarkWithinMs = 100_000

/**
 * Expects that all acknowledged deliveries are in the ledger, each once, and that the watermark passed none before it
 * was there.
 */
export async function expectKept(
  pipeline: Pick<FaultyPipeline, 'pool' | 'watermark'> & Partial<Pick<FaultyPipeline, 'retention'>>,
  acknowledged: readonly Acknowledged[],
  options: { withinMs: number },
): Promise<void> {
  await expectAccounted(pipeline, acknowledged, options)
  await expectTrueWatermark(pipeline, acknowledged)
}

/**
 * Expects that all acknowledged deliveries are in the ledger, each once, and that each session is as its newest delivery
 * says. It ends retention, because planted rows have no part in the account.
 */
export async function expectAccounted(
  { pool, retention }: Pick<FaultyPipeline, 'pool'> & Partial<Pick<FaultyPipeline, 'retention'>>,
  acknowledged: readonly Acknowledged[],
  options: { withinMs: number },
): Promise<void> {
  await expectInLedgerOnce(pool, idsOf(acknowledged), options)
  await retention?.end()
  await expectAccountedFor(pool, acknowledged, { withinMs: 0 })
}

/** @returns the number of milliseconds until the watermark has passed all of them. */
export async function expectTrueWatermark(
  { watermark }: Pick<FaultyPipeline, 'watermark'>,
  acknowledged: readonly Acknowledged[],
): Promise<number> {
  const ids = idsOf(acknowledged)
  const passedMs = await watermark.untilPassed(ids, { timeoutMs: watermarkWithinMs })
  watermark.expectTrue(ids)
  return passedMs
}

function idsOf(acknowledged: readonly Acknowledged[]): string[] {
  return acknowledged.map(({ deliveryId }) => deliveryId)
}

/** A sender sees no fault of Redis or Postgres, because the spool or the queue keeps deliveries meanwhile. */
export function expectEveryPostAcknowledged({ answers }: Pick<Aftermath, 'answers'>): void {
  expect([...answers.keys()], 'every POST is acknowledged at its first try').toEqual(['200'])
}

function complaints({ log }: RunningPipeline): string[] {
  return log.filter((line) => /"level":"(warn|error|fatal)"/.test(line))
}

/** The peak memory of each service that still runs. Only Linux tells it: elsewhere the list is empty. */
async function readMemoryPeaks({
  services,
}: RunningPipeline): Promise<{ name: string; megabytes: number }[]> {
  const peaks = await Promise.all(
    services.map(async ({ name, pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
      const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]
      return kibibytes ? [{ name, megabytes: Math.round((Number(kibibytes) * 1024) / 1e6) }] : []
    }),
  )
  return peaks.flat()
}
