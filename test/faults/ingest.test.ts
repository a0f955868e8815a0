import { generateEvents } from '@vss-pipeline/generator'
import { type RunningService, startService, until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import {
  expectKept,
  type FaultyPipeline,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'
import { killProcess } from '../support/faulty-server.ts'
import { type Load, postUntilAcknowledged } from '../support/load.ts'
import {
  expectNoRefusals,
  killed,
  surviveKilledIngestWithSpool,
  surviveRestartsOfIngest,
  terminated,
  untilSpooled,
} from '../support/outages.ts'
import { readMetric } from '../support/service-metric.ts'

const hourMs = 60 * 60 * 1_000

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
  { is: 'killed in the middle of requests', seed: 'ingest-killed', end: killed },
  { is: 'stopped and started again', seed: 'ingest-restarted', end: terminated },
])('ingest is $is three times', async ({ seed, end }) => {
  await surviveRestartsOfIngest(await startFaultyPipeline(), { seed, count: 10_000, times: 3, ...end })
})

test('ingest is killed while Redis is away, and the next one finds its spool', async () => {
  const load = { seed: 'ingest-killed-with-spool', count: 5_000 }
  await surviveKilledIngestWithSpool(await startFaultyPipeline(), load)
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
      await untilSpooled(doomed.service, 1_001)
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
  await expectKept(pipeline, itsLoad!.acknowledged, { withinMs: 30_000 })
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
      await until('A watermark that says which clock holds it', () => isHeldByClock(pipeline), {
        timeoutMs: 10_000,
      })
      await behind.service.stop()
    },
  })
  for (const load of [{ answers }, ...loads]) expect(Object.fromEntries(load.answers)).toEqual({ 200: 3_000 })
  expect(recoveredMs).toBeLessThan(30_000)
  await expectKept(
    pipeline,
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

async function isHeldByClock({ pool }: FaultyPipeline): Promise<boolean> {
  const { rows } = await pool.query<{ reason: string }>('SELECT reason FROM vss.watermark')
  return /^the clock of ingest .* is 3\d{3} s behind that of Redis$/.test(rows[0]!.reason)
}

/** The NODE_OPTIONS that shift the clock of a process. */
function shiftClock(byMs: number): string {
  const script = `const { now } = Date; Date.now = () => now() + ${byMs}`
  return `--import=data:text/javascript,${encodeURIComponent(script)}`
}
