/**
 * pg-boss at its best: large batches, each stored in one transaction and completed in one statement. The options are the
 * ones that pg-boss' documentation of `work()` recommends for throughput: https://pgboss.io/api/workers
 */
import { Pool } from 'pg'
import type { Job } from 'pg-boss'
import { onSigterm } from './on-sigterm.ts'
import { queueName, startBoss } from './pg-boss-queue.ts'
import { storeEvents } from './store-events.ts'

/** While one of the three fetches or completes, another stores. */
const localConcurrency = 3
const batchSize = 500

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: localConcurrency })
const boss = await startBoss(process.env.DATABASE_URL!, localConcurrency + 1)
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
    await storeEvents(
      pool,
      jobs.map((job) => Buffer.from(JSON.stringify(job.data))),
    )
  },
)

onSigterm(async () => {
  await boss.stop()
  await pool.end()
})

console.log('ready')
