import { join } from 'node:path'
import {
  createTemporaryFolder,
  type RunningServer,
  startPostgres,
  startRedis,
  until,
} from '@vss-pipeline/local-stack'
import { migrate } from '@vss-pipeline/storage'
import { generateEvents } from '@vss-pipeline/vss'
import { onTestFinished } from 'vitest'
import { countLedger, expectAccountedFor } from '../accounting.ts'
import { type Acknowledged, type Load, postUntilAcknowledged } from '../load.ts'
import { type RunningPipeline, startRunningPipeline } from '../running-pipeline.ts'
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** A server of one test's own, that it may stop, kill and freeze. It keeps its port and its data. */
export interface FaultyServer {
  readonly pid: number
  readonly url: string
  /** As a power cut would: with SIGKILL. */
  kill(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
  /** It keeps its connections and answers nothing, until `thaw`. */
  freeze(): void
  thaw(): void
}

export interface FaultyPipeline extends RunningPipeline {
  redis: FaultyServer
  postgres: FaultyServer
  /** Between the services and Redis, and between the workers and Postgres. */
  network: { redis: TcpProxy; postgres: TcpProxy }
  /** The folder of ingest's spool. */
  spoolDir: string
}

/** Starts the real services on a Postgres and a Redis of their own, with proxies between, until the test has finished. */
export async function startFaultyPipeline(
  options: { workers?: number; spool?: boolean; env?: NodeJS.ProcessEnv } = {},
): Promise<FaultyPipeline> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const redis = await startFaulty((port) => startRedis({ dataDir: join(folder.path, 'redis'), port }))
  const postgres = await startFaulty((port) =>
    startPostgres({ dataDir: join(folder.path, 'postgres'), port }),
  )
  await migrate({ databaseUrl: postgres.url })
  const network = { redis: await openTcpProxy(redis.url), postgres: await openTcpProxy(postgres.url) }

  const spoolDir = join(folder.path, 'spool')
  const pipeline = await startRunningPipeline({
    workers: options.workers ?? 1,
    databaseUrl: network.postgres.url,
    redisUrl: network.redis.url,
    env: { ...(options.spool === false ? {} : { SPOOL_DIR: spoolDir }), ...options.env },
  })
  return { ...pipeline, redis, postgres, network, spoolDir }
}

async function startFaulty(launch: (port?: number) => Promise<RunningServer>): Promise<FaultyServer> {
  let server = await launch(0)
  let isRunning = true
  const { url } = server
  onTestFinished(async () => {
    if (isRunning) signal('SIGCONT')
    await server.stop()
  })
  function signal(name: NodeJS.Signals): void {
    process.kill(server.pid, name)
  }
  return {
    get pid() {
      return server.pid
    },
    url,
    async kill() {
      signal('SIGKILL')
      await server.ended
      isRunning = false
    },
    async stop() {
      await server.stop()
      isRunning = false
    },
    async start() {
      // On the port that its folder remembers.
      if (!isRunning) server = await launch()
      isRunning = true
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  }
}

/** What became of a fault, for docs/reliability.md. */
export interface Aftermath {
  acknowledged: Acknowledged[]
  answers: Load['answers']
  /** From the end of the fault until everything that was acknowledged stood in the ledger. */
  recoveredMs: number
}

/**
 * Posts events, lets something fail in the middle of it, and holds the ledger and the sessions against what was
 * acknowledged: each delivery exactly once, each session as its newest delivery tells it.
 *
 * @param options.fault fails and heals; called once some deliveries are in the ledger, while more are on their way.
 * @param options.seed of the events: the same seed repeats the same load.
 * @param options.count how many events; the load goes on until all are acknowledged.
 */
export async function surviveUnderLoad(
  pipeline: FaultyPipeline,
  options: {
    seed: string
    count: number
    connections?: number
    fault: () => Promise<void>
    withinMs?: number
  },
): Promise<Aftermath> {
  const { seed, count, connections = 16, fault, withinMs = 60_000 } = options
  const events = generateEvents({ seed, count, dirtyShare: 0.05 })
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections })
  await until('The first rows', async () => (await countLedger(pipeline.pool)) >= count / 20, {
    timeoutMs: 30_000,
  })
  await fault()
  const healedAt = performance.now()
  const { acknowledged, answers } = await load
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs })
  const recoveredMs = Math.round(performance.now() - healedAt)
  console.log(
    `${seed}: ${acknowledged.length} acknowledged, 0 lost, 0 doubled, all in the ledger ${recoveredMs} ms after the fault; answers ${JSON.stringify(Object.fromEntries(answers))}`,
  )
  return { acknowledged, answers, recoveredMs }
}
