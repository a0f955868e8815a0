import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batchLimits } from '@vss-pipeline/delivery'
import { until } from '@vss-pipeline/local-stack'
import { createProducer, openBatch } from '@vss-pipeline/queue'
import { request } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openSpool } from '../../../services/ingest/src/spool/spool.ts'
import { createSpooler } from '../../../services/ingest/src/spool/spooler.ts'
import { openSpoolStore, type SpoolStore } from '../../../services/ingest/src/spool/store.ts'
import { freshPrefix } from '../../support/batches.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'
import { readMetric } from '../../support/service-metric.ts'
import { mayMount, mountSmallDisk, type SmallDisk } from '../../support/small-disk.ts'
import { spawnIngest, untilListening, untilLogged } from './ingest-process.ts'

const mib = 1024 * 1024
const redis = await startOwnRedis()

/** A disk for a spool, until the test has finished. */
function mountDisk(megabytes: number): { disk: SmallDisk; dir: string } {
  const folder = mkdtempSync(join(tmpdir(), 'vss-disk-'))
  const disk = mountSmallDisk(folder, megabytes)
  onTestFinished(() => {
    disk.unmount()
    rmSync(folder, { recursive: true })
  })
  return { disk, dir: join(folder, 'spool') }
}

function openStore(options: { dir: string; maxBodyBytes?: number }): SpoolStore {
  const store = openSpoolStore({ maxBytes: 1024 * mib, ...options })
  onTestFinished(() => store.close())
  return store
}

/** Appends until there is no room for a tiny body either. @returns the ids of the deliveries that were taken. */
function fillStore(store: SpoolStore, bodyBytes: number): string[] {
  const taken: string[] = []
  for (const size of [bodyBytes, 10_000, 1]) {
    for (;;) {
      const delivery = makeDelivery('x'.repeat(size))
      try {
        store.append([delivery])
      } catch (error) {
        expect((error as Error).message).toBe('database or disk is full')
        break
      }
      taken.push(delivery.deliveryId)
    }
  }
  return taken
}

function emptyStore(store: SpoolStore): string[] {
  const returned: string[] = []
  for (let batch = store.oldest(batchLimits); batch; batch = store.oldest(batchLimits)) {
    returned.push(...batch.deliveries.map(({ deliveryId }) => deliveryId))
    store.remove(batch.through)
  }
  return returned
}

describe.skipIf(!mayMount())('a disk that is full', () => {
  test.each([
    { bodyBytes: 60_000, megabytes: 24 },
    { bodyBytes: 4 * mib, megabytes: 48 },
  ])(
    'does not stop the spool from giving back its deliveries: bodies of $bodyBytes bytes',
    ({ bodyBytes, megabytes }) => {
      const { disk, dir } = mountDisk(megabytes)
      const store = openStore({ dir, maxBodyBytes: bodyBytes })
      const taken = fillStore(store, bodyBytes)
      disk.fill()

      expect(emptyStore(store)).toEqual(taken)
      expect(store.content).toEqual({ deliveries: 0, bytes: 0, oldestMs: null })

      // The reserve is kept again, so all works once more.
      disk.makeRoom()
      const takenAgain = fillStore(store, bodyBytes)
      expect(takenAgain.length).toBeGreaterThan(0)
      expect(emptyStore(store)).toEqual(takenAgain)
    },
  )

  test('gets no delivery when it has no room for a reserve, and the log says so at the start', async () => {
    const { dir } = mountDisk(6)
    const { logger, messages } = createRecordingLogger()
    const spool = await openSpool({ dir, maxBytes: 1024 * mib })
    const producer = { enqueue: async () => undefined }
    const spooler = createSpooler({ spool, adopt: async () => 0, producer, logger, closeTimeoutMs: 1_000 })
    onTestFinished(() => spooler.close())
    expect(messages('error')).toEqual([`the spool takes nothing: make room on the disk of ${dir}`])
    await expect(spooler.keep(makeDelivery())).rejects.toThrow('to keep in reserve')
    expect(spool.content).toEqual({ deliveries: 0, bytes: 0, oldestMs: null })
  })

  test('makes ingest unready while the spool gives nothing back, and the log says what to do', async () => {
    const { disk, dir } = mountDisk(16)
    const prefix = freshPrefix()
    const ingest = spawnIngest({
      PORT: '0',
      OPS_PORT: '0',
      REDIS_URL: redis.url,
      QUEUE_PREFIX: prefix,
      SPOOL_DIR: dir,
    })
    // Ingest must end before its disk is unmounted.
    onTestFinished(async () => {
      ingest.child.kill('SIGKILL')
      await ingest.exited
    })
    const { url, opsUrl } = await untilListening(ingest)
    const readiness = async () => (await request(`${opsUrl}/readyz`)).statusCode
    await redis.stop()
    const acknowledged = await postUntilRefused(url)
    // Another program takes the room of the reserve.
    rmSync(join(dir, '1', 'reserve'))
    disk.fill()

    await redis.start()
    const { msg } = await untilLogged(
      ingest,
      `the spool does not give back its deliveries: make room on the disk of ${dir}, or mend it`,
    )
    expect(await readiness()).toBe(503)
    expect(ingest.log().filter((line) => line.msg === msg)).toHaveLength(1)

    disk.makeRoom()
    await until('Readiness', async () => (await readiness()) === 200, { timeoutMs: 10_000 })
    await until('All to be back', async () => (await readMetric(opsUrl, 'vss_spool_deliveries')) === 0, {
      timeoutMs: 10_000,
    })
    const queued = await readQueuedIds(prefix)
    expect(acknowledged.filter((id) => !queued.has(id))).toEqual([])
  })
})

async function postUntilRefused(url: string): Promise<string[]> {
  const acknowledged: string[] = []
  for (;;) {
    const response = await request(url, { method: 'POST', body: 'x'.repeat(60_000) })
    const answer = (await response.body.json()) as { deliveryId: string }
    if (response.statusCode !== 200) return acknowledged
    acknowledged.push(answer.deliveryId)
  }
}

async function readQueuedIds(prefix: string): Promise<Set<string>> {
  const { logger } = createRecordingLogger()
  const producer = createProducer({ redisUrl: redis.url, prefix, logger, commandTimeoutMs: 5_000 })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  const jobs = await producer.shards[0]!.queue.getJobs(['waiting'])
  return new Set(jobs.flatMap(({ data }) => openBatch(data).deliveryIds))
}
