import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { receivedAtMsOf } from '@vss-pipeline/delivery'
import { generateEvents } from '@vss-pipeline/generator'
import { createTemporaryFolder, type RunningServer, startRedis, until } from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { countLedger } from '../support/accounting.ts'
import { expectKept } from '../support/faulty-pipeline.ts'
import { killProcess } from '../support/faulty-server.ts'
import { postUntilAcknowledged } from '../support/load.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { sampleWatermark } from '../support/watermark-samples.ts'

const replicationDelayMs = 20

interface Pair {
  /** Leads to the primary, and after `failOver` to its former replica. */
  url: string
  /** Changes settings of the primary. */
  configure(settings: Record<string, string>): Promise<void>
  /** Cuts the replica off from the primary, which goes on alone. */
  isolate(): void
  /** Kills the primary and promotes the replica, as Sentinel would. */
  failOver(): Promise<void>
}

type Database = Awaited<ReturnType<typeof startRunningPipeline>>['pool']

/** Starts a primary and a replica that is a little behind it, as a replica in another zone is. */
async function startPrimaryWithReplica(): Promise<Pair> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const primary = await start('primary')
  const replica = await start('replica')
  const link = await openTcpProxy(primary.url)
  link.delay(replicationDelayMs)
  const client = await follow(replica, link.url)
  const proxy = await openTcpProxy(primary.url)
  return {
    url: proxy.url,
    async configure(settings) {
      const redis = connect(primary.url)
      for (const [name, value] of Object.entries(settings)) await redis.config('SET', name, value)
    },
    isolate: () => link.swallow(),
    async failOver() {
      await killProcess(primary)
      link.reset({ refuse: true })
      await client.replicaof('NO', 'ONE')
      proxy.retarget(replica.url)
      // An ingest that waits for a replica needs one of the new primary.
      await follow(await start('next'), replica.url)
    },
  }

  async function start(name: string): Promise<RunningServer> {
    const server = await startRedis({ dataDir: join(folder.path, name), port: 0 })
    onTestFinished(() => server.stop())
    return server
  }
  async function follow(server: RunningServer, url: string): Promise<Redis> {
    const { password } = new URL(primary.url)
    const { hostname, port } = new URL(url)
    const redis = connect(server.url)
    await redis.config('SET', 'masterauth', password)
    // Clients go on with the primary's password after the failover.
    await redis.config('SET', 'requirepass', password)
    await redis.replicaof(hostname, port)
    const isFollowing = async () => (await redis.info('replication')).includes('link_status:up')
    await until('The start of replication', isFollowing, { timeoutMs: 20_000 })
    return redis
  }
  function connect(url: string): Redis {
    const redis = new Redis(url)
    redis.on('error', () => undefined)
    onTestFinished(() => redis.disconnect())
    return redis
  }
}

async function failOverUnderLoad(env: NodeJS.ProcessEnv) {
  const redis = await startPrimaryWithReplica()
  const { webhookUrl, pool, databaseUrl } = await startRunningPipeline({ redisUrl: redis.url, env })
  const watermark = sampleWatermark(databaseUrl)
  const events = generateEvents({ seed: 'failover', count: 4_000, dirtyShare: 0.05 })
  const load = postUntilAcknowledged(webhookUrl, events, { connections: 16 })
  await until('The first rows', async () => (await countLedger(pool)) >= 500, { timeoutMs: 30_000 })
  const killedAtMs = Date.now()
  await redis.failOver()
  const { acknowledged } = await load
  return { acknowledged, pool, watermark, killedAtMs }
}

async function isAtRest(pool: Database): Promise<boolean> {
  const before = await countLedger(pool)
  await pause(2_000)
  return before > 0 && (await countLedger(pool)) === before
}

async function missingFromLedger(pool: Database, deliveryIds: string[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM unnest($1::uuid[]) AS id
     WHERE NOT EXISTS (SELECT FROM vss.deliveries WHERE delivery_id = id)`,
    [deliveryIds],
  )
  return rows.map(({ id }) => id)
}

test('with REDIS_WAIT_REPLICAS, a failover loses nothing that was acknowledged', async () => {
  const { acknowledged, pool, watermark } = await failOverUnderLoad({
    REDIS_WAIT_REPLICAS: '1',
    ENQUEUE_TIMEOUT_MS: '2000',
  })
  expect(acknowledged).toHaveLength(4_000)
  await expectKept({ pool, watermark }, acknowledged, { withinMs: 60_000 })
  console.log('failover, REDIS_WAIT_REPLICAS=1: 4,000 acknowledged, 0 lost')
})

test('without REDIS_WAIT_REPLICAS, a failover loses only deliveries that the replica did not have yet', async () => {
  const { acknowledged, pool, watermark, killedAtMs } = await failOverUnderLoad({})
  const ids = acknowledged.map(({ deliveryId }) => deliveryId)
  await until('The end of changes in the ledger', () => isAtRest(pool), { timeoutMs: 60_000 })
  const lost = await missingFromLedger(pool, ids)
  for (const id of lost) {
    const beforeKillMs = killedAtMs - receivedAtMsOf(id)
    expect(beforeKillMs, 'milliseconds from the receipt of a lost delivery to the kill').toBeLessThan(1_000)
  }
  expect(lost.length).toBeLessThan(ids.length / 10)
  watermark.expectTrue(ids.filter((id) => !lost.includes(id)))
  console.log(
    `failover, replica ${replicationDelayMs} ms behind: ${ids.length} acknowledged, ${lost.length} lost`,
  )
})

const isolatedMs = 5_000

interface Setting {
  setting: string
  env: NodeJS.ProcessEnv
  redis: Record<string, string>
  /** Deliveries may be lost that were received within so many milliseconds after the cut. */
  lossMs: number
}

test.each<Setting>([
  { setting: 'nothing set', env: {}, redis: {}, lossMs: isolatedMs + 1_000 },
  {
    setting: 'min-replicas-to-write',
    env: {},
    // A replica reports its position every second, and the primary looks at the age of that report every second.
    redis: { 'min-replicas-to-write': '1', 'min-replicas-max-lag': '1' },
    lossMs: 3_000,
  },
  {
    setting: 'REDIS_WAIT_REPLICAS',
    env: { REDIS_WAIT_REPLICAS: '1', ENQUEUE_TIMEOUT_MS: '1000' },
    redis: {},
    lossMs: 0,
  },
])(
  'a primary is cut off and then killed, while no worker runs: $setting',
  async ({ setting, env, redis, lossMs }) => {
    const pair = await startPrimaryWithReplica()
    const { webhookUrl, pool, databaseUrl, startWorker } = await startRunningPipeline({
      workers: 0,
      redisUrl: pair.url,
      env,
    })
    const watermark = sampleWatermark(databaseUrl)
    await pair.configure(redis)
    const end = new AbortController()
    const events = generateEvents({ seed: 'cut-off', count: 1_000_000 })
    const load = postUntilAcknowledged(webhookUrl, events, { connections: 16, signal: end.signal })
    await pause(1_000)
    const cutAtMs = Date.now()
    pair.isolate()
    await pause(isolatedMs)
    await pair.failOver()
    end.abort()
    const { acknowledged } = await load
    await startWorker()

    await until('The end of changes in the ledger', () => isAtRest(pool), { timeoutMs: 60_000 })
    const ids = acknowledged.map(({ deliveryId }) => deliveryId)
    const lost = await missingFromLedger(pool, ids)
    watermark.expectTrue(ids.filter((id) => !lost.includes(id)))
    const sinceCutMs = (id: string) => receivedAtMsOf(id) - cutAtMs
    const whileCut = ids.filter((id) => sinceCutMs(id) > 0 && sinceCutMs(id) < isolatedMs)
    const lostAtMs = lost.map(sinceCutMs).toSorted((a, b) => a - b)
    const lastLost = lost.length > 0 ? `, the last received ${lostAtMs.at(-1)} ms after the cut` : ''
    console.log(
      `cut off for ${isolatedMs} ms, ${setting}: ${whileCut.length} acknowledged meanwhile, ${lost.length} lost${lastLost}`,
    )
    if (lossMs === 0) {
      expect(lost).toEqual([])
      return
    }
    expect(
      lostAtMs[0],
      'milliseconds from the cut to the first loss: the replica was a little behind',
    ).toBeGreaterThan(-1_000)
    expect(lostAtMs.at(-1), 'milliseconds from the cut to the last loss').toBeLessThan(lossMs)
  },
)
