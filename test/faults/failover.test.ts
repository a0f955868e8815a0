import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTemporaryFolder, type RunningServer, startRedis, until } from '@vss-pipeline/local-stack'
import { generateEvents, receivedAtMsOf } from '@vss-pipeline/vss'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { countLedger, expectAccountedFor } from '../accounting.ts'
import { killProcess } from '../faulty-server.ts'
import { postUntilAcknowledged } from '../load.ts'
import { startRunningPipeline } from '../running-pipeline.ts'
import { openTcpProxy } from '../tcp-proxy.ts'

const replicationDelayMs = 20

interface Pair {
  /** Leads to the primary, and after `failOver` to what was its replica. */
  url: string
  /** Kills the primary and promotes the replica, as Sentinel would. */
  failOver(): Promise<void>
}

type Database = Awaited<ReturnType<typeof startRunningPipeline>>['pool']

/** A primary with a replica that lags behind a little, as one in another zone does. */
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
    async failOver() {
      await killProcess(primary)
      link.reset({ refuse: true })
      await client.replicaof('NO', 'ONE')
      proxy.retarget(replica.url)
      // One that waits for a replica needs another one now.
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
    // Those who knew the primary's password go on with it.
    await redis.config('SET', 'requirepass', password)
    await redis.replicaof(hostname, port)
    const isFollowing = async () => (await redis.info('replication')).includes('link_status:up')
    await until('The replica to follow', isFollowing, { timeoutMs: 20_000 })
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
  const { webhookUrl, pool } = await startRunningPipeline({ redisUrl: redis.url, env })
  const events = generateEvents({ seed: 'failover', count: 4_000, dirtyShare: 0.05 })
  const load = postUntilAcknowledged(webhookUrl, events, { connections: 16 })
  await until('The first rows', async () => (await countLedger(pool)) >= 500, { timeoutMs: 30_000 })
  const killedAtMs = Date.now()
  await redis.failOver()
  const { acknowledged } = await load
  return { acknowledged, pool, killedAtMs }
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
  const { acknowledged, pool } = await failOverUnderLoad({
    REDIS_WAIT_REPLICAS: '1',
    ENQUEUE_TIMEOUT_MS: '2000',
  })
  expect(acknowledged).toHaveLength(4_000)
  await expectAccountedFor(pool, acknowledged, { withinMs: 60_000 })
  console.log('failover, REDIS_WAIT_REPLICAS=1: 4,000 acknowledged, 0 lost')
})

test('without it, a failover loses no more than what the replica was behind', async () => {
  const { acknowledged, pool, killedAtMs } = await failOverUnderLoad({})
  const ids = acknowledged.map(({ deliveryId }) => deliveryId)
  const isSettled = async () => {
    const before = await countLedger(pool)
    await pause(2_000)
    return (await countLedger(pool)) === before
  }
  await until('The ledger to come to rest', isSettled, { timeoutMs: 60_000 })
  const lost = await missingFromLedger(pool, ids)
  for (const id of lost) {
    const beforeKillMs = killedAtMs - receivedAtMsOf(id)
    expect(beforeKillMs, 'milliseconds from the receipt of a lost delivery to the kill').toBeLessThan(1_000)
  }
  expect(lost.length).toBeLessThan(ids.length / 10)
  console.log(
    `failover, replica ${replicationDelayMs} ms behind: ${ids.length} acknowledged, ${lost.length} lost`,
  )
})
