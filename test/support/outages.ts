/**
 * Outages and restarts in the middle of a load, each with what must hold then. test/e2e runs them with a small load,
 * test/faults with a large one.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { generateEvents } from '@vss-pipeline/generator'
import { type RunningService, until } from '@vss-pipeline/local-stack'
import type { Pool } from '@vss-pipeline/storage'
import { expect } from 'vitest'
import { countLedger } from './accounting.ts'
import {
  expectEveryPostAcknowledged,
  expectKept,
  type FaultyPipeline,
  surviveUnderLoad,
} from './faulty-pipeline.ts'
import { killProcess } from './faulty-server.ts'
import { lockLedger } from './ledger-lock.ts'
import { type Load, postUntilAcknowledged } from './load.ts'
import { readMetric } from './service-metric.ts'

/** The events to post, and from how many connections. */
export interface LoadSize {
  seed: string
  count: number
  connections?: number
}

/** Postgres ends, stays away for `awayMs` after the worker has noticed, and is started again. */
export async function surviveEndOfPostgres(
  pipeline: FaultyPipeline,
  options: LoadSize & { end: 'kill' | 'stop'; awayMs: number },
): Promise<void> {
  const { postgres, pool, log } = pipeline
  const aftermath = await surviveUnderLoad(pipeline, {
    ...options,
    async fault() {
      await postgres[options.end]()
      await until('A worker that says it is not ready', async () => !(await isWorkerReady(pipeline)), {
        timeoutMs: 10_000,
      })
      await pause(options.awayMs)
      const startedAt = new Date()
      await postgres.start()
      // It is asked within a second.
      await until('The first row', () => hasRowsSince(pool, startedAt), { timeoutMs: 5_000 })
    },
  })
  expectEveryPostAcknowledged(aftermath)
  // Once for each flush in hand, however often it was tried.
  const warnings = log.filter((line) => line.includes('the database is away'))
  expect(warnings.length).toBeGreaterThan(0)
  expect(warnings.length).toBeLessThan(10)
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
  expect(await isWorkerReady(pipeline)).toBe(true)
}

/** Another client holds a lock on the ledger for longer than a flush waits for one: the flush waits again, in hand. */
export async function surviveLockedLedger(pipeline: FaultyPipeline, load: LoadSize): Promise<void> {
  const { postgres, log } = pipeline
  const aftermath = await surviveUnderLoad(pipeline, {
    ...load,
    async fault() {
      const lock = await lockLedger(postgres.url)
      await until('A wait that ended', () => log.some((line) => line.includes('55P03')), {
        timeoutMs: 20_000,
      })
      await lock.release()
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(log.filter((line) => line.includes('will be retried'))).toEqual([])
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
}

/** How an ingest or a worker ends. */
export interface End {
  end(service: RunningService): Promise<unknown>
  /** How that is told. */
  how: string
}

/** Killed without warning. */
export const killed: End = { end: killProcess, how: 'was ended by SIGKILL' }

/** Told to stop: it does within `SHUTDOWN_TIMEOUT_MS`, or its exit code is another one. */
export const terminated: End = {
  async end({ pid, ended }) {
    process.kill(pid, 'SIGTERM')
    await ended
  },
  how: 'exited with code 0',
}

/** Ingest ends and is started again so many times; connections break, and nothing is refused. */
export async function surviveRestartsOfIngest(
  pipeline: FaultyPipeline,
  options: LoadSize & End & { times: number },
): Promise<void> {
  const { count, times, end, how } = options
  let { ingest } = pipeline
  const ends: string[] = []
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    ...options,
    async fault() {
      for (let restarts = 0; restarts < times; restarts++) {
        if (restarts > 0) await untilMoreRows(pipeline, 500)
        await end(ingest)
        ends.push(await ingest.ended)
        ingest = await pipeline.startIngest()
      }
    },
  })
  expect(ends).toEqual(Array(times).fill(how))
  expectNoRefusals(answers, count)
  expect(answers.size, 'kinds of answers: 200, and connections that broke').toBeGreaterThan(1)
  expect(recoveredMs).toBeLessThan(30_000)
}

/** Workers are told to stop one after the other, and others started: none leaves a batch behind that stalls. */
export async function surviveRestartsOfWorkers(
  pipeline: FaultyPipeline,
  options: LoadSize & { times: number },
): Promise<void> {
  const { times } = options
  const ends: string[] = []
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    ...options,
    async fault() {
      const workers = [...pipeline.workers]
      for (let restarts = 0; restarts < times; restarts++) {
        const worker = workers.shift()!
        await terminated.end(worker)
        ends.push(await worker.ended)
        workers.push(await pipeline.startWorker())
      }
    },
  })
  expectEveryPostAcknowledged({ answers })
  expect(ends).toEqual(Array(times).fill(terminated.how))
  expect(pipeline.log.filter((line) => line.includes('stalled'))).toEqual([])
  expect(recoveredMs).toBeLessThan(30_000)
}

/** Redis is away, ingest is killed with all that was posted in its spool, and the next one goes on with that spool. */
export async function surviveKilledIngestWithSpool(
  pipeline: FaultyPipeline,
  { seed, count, connections = 16 }: LoadSize,
): Promise<void> {
  const { webhookUrl, redis, ingest, startIngest } = pipeline
  async function postAll(part: string): Promise<Load['acknowledged']> {
    const events = generateEvents({ seed: `${seed} ${part}`, count, dirtyShare: 0.05 })
    const load = await postUntilAcknowledged(webhookUrl, events, { connections })
    expectEveryPostAcknowledged(load)
    return load.acknowledged
  }
  await redis.kill()
  const first = await postAll('first')
  expect(await readMetric(ingest.opsUrl, 'vss_spool_deliveries')).toBe(count)
  expect(await readMetric(ingest.opsUrl, 'vss_deliveries_spooled_total')).toBe(count)

  await killProcess(ingest)
  const { opsUrl } = await startIngest()
  expect(await readMetric(opsUrl, 'vss_spool_deliveries')).toBe(count)
  const second = await postAll('second')

  await redis.start()
  await expectKept(pipeline, [...first, ...second], { withinMs: 60_000 })
  expect(await readMetric(opsUrl, 'vss_spool_deliveries')).toBe(0)
}

/** Waits until ingest's spool holds so many. */
export async function untilSpooled({ opsUrl }: RunningService, count: number): Promise<void> {
  await until(
    `A spool of ${count}`,
    async () => (await readMetric(opsUrl, 'vss_spool_deliveries')) >= count,
    { timeoutMs: 30_000 },
  )
}

/** Ingest itself was away: its answers are 200 all the same, the rest are connections that it could not keep. */
export function expectNoRefusals(answers: Load['answers'], count: number): void {
  expect(answers.get('200')).toBe(count)
  const refusals = [...answers.keys()].filter((kind) => /^\d+$/.test(kind) && kind !== '200')
  expect(refusals, 'refusals by an ingest that runs').toEqual([])
}

/** Whether the first worker says that it is ready. */
export async function isWorkerReady({ workers }: Pick<FaultyPipeline, 'workers'>): Promise<boolean> {
  return (await fetch(`${workers[0]!.opsUrl}/readyz`)).ok
}

/** Waits until so many more rows are in the ledger than there are now: the load goes on. */
export async function untilMoreRows({ pool }: FaultyPipeline, more: number): Promise<void> {
  const before = await countLedger(pool)
  await until('More rows', async () => (await countLedger(pool)) >= before + more, { timeoutMs: 30_000 })
}

async function hasRowsSince(pool: Pool, time: Date): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT FROM vss.deliveries WHERE processed_at >= $1 LIMIT 1', [time])
  return rowCount === 1
}
