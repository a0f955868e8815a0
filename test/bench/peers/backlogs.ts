import { makeWorkerUtils } from 'graphile-worker'
import { queueName as bossQueueName, startBoss } from './pg-boss-queue.ts'
import { openQueue } from './tutorial-queue.ts'

const chunkSize = 1_000

/** Puts one job for each body into BullMQ's queue, as `tutorial-ingest.ts` would. */
export async function fillTutorial(redisUrl: string, bodies: readonly Uint8Array[]): Promise<void> {
  const queue = openQueue(redisUrl)
  try {
    for (const jobs of chunksOfJobs(bodies)) {
      await queue.addBulk(jobs.map((data) => ({ name: 'event', data })))
    }
  } finally {
    await queue.close()
  }
}

/** Puts one job for each body into pg-boss' queue, as `pg-boss-ingest.ts` would; makes its schema if need be. */
export async function fillPgBoss(databaseUrl: string, bodies: readonly Uint8Array[]): Promise<void> {
  const boss = await startBoss(databaseUrl, 2)
  try {
    for (const jobs of chunksOfJobs(bodies)) {
      await boss.insert(
        bossQueueName,
        jobs.map((data) => ({ data })),
      )
    }
  } finally {
    await boss.stop()
  }
}

/** Puts one job for each body into graphile-worker's, as `graphile-ingest.ts` would; makes its schema if need be. */
export async function fillGraphile(databaseUrl: string, bodies: readonly Uint8Array[]): Promise<void> {
  const workerUtils = await makeWorkerUtils({ connectionString: databaseUrl, maxPoolSize: 2 })
  try {
    await workerUtils.migrate()
    for (const jobs of chunksOfJobs(bodies)) {
      await workerUtils.addJobs(jobs.map((payload) => ({ identifier: 'event', payload })))
    }
  } finally {
    await workerUtils.release()
  }
}

function* chunksOfJobs(bodies: readonly Uint8Array[]): Generator<object[]> {
  const utf8 = new TextDecoder()
  for (let start = 0; start < bodies.length; start += chunkSize) {
    yield bodies.slice(start, start + chunkSize).map((body) => JSON.parse(utf8.decode(body)) as object)
  }
}
