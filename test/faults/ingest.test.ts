import { generateEvents } from '@vss-pipeline/generator'
import { type RunningService, startService, until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../support/accounting.ts'
import { killProcess } from '../support/faulty-server.ts'
import { type Load, postUntilAcknowledged } from '../support/load.ts'
import { readMetric } from '../support/service-metric.ts'
import { type FaultyPipeline, startFaultyPipeline, surviveUnderLoad } from './faulty-pipeline.ts'

const hourMs = 60 * 60 * 1_000

/** Expects `count` answers of 200 and no refusal. Connections may have failed, because ingest itself was away. */
function expectNoRefusals(answers: Load['answers'], count: number): void {
  expect(answers.get('200')).toBe(count)
  const refusals = [...answers.keys()].filter((kind) => /^\d+$/.test(kind) && kind !== '200')
  expect(refusals, 'refusals by an ingest that runs').toEqual([])
}

/** Waits until the ledger has so many rows more than now, which shows that the load goes on. */
async function untilMoreRows(pipeline: FaultyPipeline, more: number): Promise<void> {
  const before = await countLedger(pipeline.pool)
  await until('More rows', async () => (await countLedger(pipeline.pool)) >= before + more, {
    timeoutMs: 30_000,
  })
}

/** Starts another ingest with the same queue and the same spool folder, on a port of its own. */
async function startAnotherIngest(
  pipeline: FaultyPipeline,
  env: NodeJS.ProcessEnv = {},
): Promise<{ service: RunningService; webhookUrl: string }> {
  const { databaseUrl, redisUrl, queuePrefix, spoolDir } = pipeline
  const service = await startService('ingest', {
    databaseUrl,
    redisUrl,
    env: { QUEUE_PREFIX: queuePrefix, SPOOL_DIR: spoolDir, ...env },
  })
  onTestFinished(() => service.stop())
  return { service, webhookUrl: new URL('/webhooks/vss', service.url).href }
}

test.each([
  {
    is: 'killed in the middle of requests',
    seed: 'ingest-killed',
    end: killProcess,
    how: 'was ended by SIGKILL',
  },
  {
    is: 'stopped and started again',
    seed: 'ingest-restarted',
    end: (ingest: RunningService) => ingest.stop(),
    how: 'exited with code 0',
  },
])('ingest is $is three times', async ({ seed, end, how }) => {
  const pipeline = await startFaultyPipeline()
  let { ingest } = pipeline
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    seed,
    count: 10_000,
    async fault() {
      for (let times = 0; times < 3; times++) {
        await end(ingest)
        expect(await ingest.ended).toBe(how)
        ingest = await pipeline.startIngest()
        await untilMoreRows(pipeline, 500)
      }
    },
  })
  expectNoRefusals(answers, 10_000)
  expect(recoveredMs).toBeLessThan(30_000)
})

test('an ingest is killed for good while Redis is away: the other one takes over its spool', async () => {
  const pipeline = await startFaultyPipeline()
  const doomed = await startAnotherIngest(pipeline)
  const end = new AbortController()
  let itsLoad: Load | undefined
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    seed: 'ingest-killed-for-good',
    count: 5_000,
    async fault() {
      await pipeline.redis.kill()
      const load = postUntilAcknowledged(
        doomed.webhookUrl,
        generateEvents({ seed: 'of-the-doomed', count: 5_000 }),
        { connections: 8, signal: end.signal },
      )
      const spooled = () => readMetric(doomed.service.opsUrl, 'vss_spool_deliveries')
      await until('Its spool', async () => (await spooled()) > 1_000, { timeoutMs: 30_000 })
      await killProcess(doomed.service)
      end.abort()
      itsLoad = await load
      await pipeline.redis.start()
    },
  })
  expectNoRefusals(answers, 5_000)
  expect(recoveredMs).toBeLessThan(30_000)
  expect(itsLoad!.acknowledged.length).toBeGreaterThan(1_000)
  // An ingest with an empty spool looks for abandoned spools every 10 s.
  await expectAccountedFor(pipeline.pool, itsLoad!.acknowledged, { withinMs: 30_000 })
})

test('three ingests run: the clock of one is an hour ahead, that of another an hour behind', async () => {
  const pipeline = await startFaultyPipeline()
  const ahead = await startAnotherIngest(pipeline, { NODE_OPTIONS: shiftClock(hourMs) })
  const behind = await startAnotherIngest(pipeline, { NODE_OPTIONS: shiftClock(-hourMs) })
  const seed = 'ingest-clocks-apart'
  let loads: Load[] = []
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    seed,
    count: 3_000,
    async fault() {
      loads = await Promise.all(
        // All ingests get the same events, so that each session has deliveries with three different clocks.
        [ahead, behind].map(({ webhookUrl }) =>
          postUntilAcknowledged(webhookUrl, generateEvents({ seed, count: 3_000, dirtyShare: 0.05 }), {
            connections: 8,
          }),
        ),
      )
    },
  })
  for (const load of [{ answers }, ...loads]) expect(Object.fromEntries(load.answers)).toEqual({ 200: 3_000 })
  expect(recoveredMs).toBeLessThan(30_000)
  await expectAccountedFor(
    pipeline.pool,
    loads.flatMap(({ acknowledged }) => acknowledged),
    { withinMs: 30_000 },
  )
  expect(await readMetric(pipeline.ingest.opsUrl, 'vss_queue_jobs{state="failed"}')).toBe(0)
  const { rows } = await pipeline.pool.query(
    `SELECT
       (SELECT count(*)::int FROM vss.sessions WHERE received_at < now() + interval '30 minutes') AS "of other clocks",
       (SELECT count(*)::int FROM vss.deliveries_default WHERE received_at >= date_trunc('month', now(), 'UTC')) AS astray`,
  )
  expect(
    rows,
    'sessions of another clock than the one ahead, and rows outside the partition of their month',
  ).toEqual([{ 'of other clocks': 0, astray: 0 }])
})

/** The NODE_OPTIONS that shift the clock of a process. */
function shiftClock(byMs: number): string {
  const script = `const { now } = Date; Date.now = () => now() + ${byMs}`
  return `--import=data:text/javascript,${encodeURIComponent(script)}`
}
