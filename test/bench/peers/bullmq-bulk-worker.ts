/**
 * BullMQ at its best: a worker that has hundreds of jobs in hand and stores them together. BullMQ takes and completes
 * jobs one by one, because batches are a feature of BullMQ Pro. Therefore the concurrency makes the groups:
 * https://docs.bullmq.io/guide/workers/concurrency
 */
import { Worker } from 'bullmq'
import { Pool } from 'pg'
import { prefix, queueName } from './bullmq-queue.ts'
import { onSigterm } from './on-sigterm.ts'
import { createGroupStore } from './store-events.ts'

const concurrency = 500
/** Two transactions: while one commits, the next is prepared. */
const atOnce = 2

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: atOnce })
const store = createGroupStore(pool, { atOnce, minCountBeside: 250 })
const worker = new Worker<string>(queueName, (job) => store.submit(Buffer.from(job.data)), {
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
