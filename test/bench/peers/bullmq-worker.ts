/**
 * One BullMQ job an event, each stored in a transaction of its own, with the concurrency of BullMQ's own example:
 * https://docs.bullmq.io/guide/workers/concurrency
 */
import { Worker } from 'bullmq'
import { Pool } from 'pg'
import { prefix, queueName } from './bullmq-queue.ts'
import { onSigterm } from './on-sigterm.ts'
import { storeJobData } from './store-event.ts'

const concurrency = 50
/** Twenty were as fast as 50: they keep a small server busy, and the other jobs wait for Redis. */
const connections = 20

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: connections })
const worker = new Worker(queueName, (job) => storeJobData(pool, job.data), {
  connection: { url: process.env.REDIS_URL! },
  prefix,
  concurrency,
})
worker.on('failed', (_job, error) => console.error(error))
worker.on('error', (error) => console.error(error))

onSigterm(async () => {
  await worker.close()
  await pool.end()
})

await worker.waitUntilReady()
console.log('ready')
