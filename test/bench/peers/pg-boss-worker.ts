/**
 * pg-boss jobs, fetched and completed in batches, each stored in a transaction of its own. The options are the ones that
 * pg-boss' documentation of `work()` recommends for throughput: https://pgboss.io/api/workers
 */
import { Pool } from 'pg'
import type { Job } from 'pg-boss'
import { onSigterm } from './on-sigterm.ts'
import { queueName, startBoss } from './pg-boss-queue.ts'
import { storeJobData } from './store-event.ts'

/** Several fetchers keep the connections busy while one of them completes its batch and fetches another. */
const localConcurrency = 4
const batchSize = 50
const bossConnections = 10
const storeConnections = 20

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: storeConnections })
const boss = await startBoss(process.env.DATABASE_URL!, bossConnections)
await boss.work(
  queueName,
  {
    localConcurrency,
    batchSize,
    // The shortest permitted interval. After a full batch there is no wait at all.
    pollingIntervalSeconds: 0.5,
    burstWhenBatchFull: true,
  },
  async (jobs: Job[]) => {
    await Promise.all(jobs.map((job) => storeJobData(pool, job.data)))
  },
)

onSigterm(async () => {
  await boss.stop()
  await pool.end()
})

console.log('ready')
