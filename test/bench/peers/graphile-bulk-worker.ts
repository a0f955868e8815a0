/**
 * graphile-worker at its best: it takes batch jobs, and stores the events of all jobs in hand together. The settings,
 * with batching, are the ones of its performance page: https://worker.graphile.org/docs/performance
 */
import { run } from 'graphile-worker'
import { Pool } from 'pg'
import { quietLogger } from './graphile-logger.ts'
import { onSigterm } from './on-sigterm.ts'
import { createGroupStore } from './store-events.ts'

const concurrentJobs = 24
/** Two transactions: while one commits, the next is prepared. */
const atOnce = 2

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: atOnce })
const store = createGroupStore(pool, { atOnce, minCountBeside: 250 })
const runner = await run({
  preset: {
    worker: {
      connectionString: process.env.DATABASE_URL!,
      concurrentJobs,
      maxPoolSize: concurrentJobs + 1,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      logger: quietLogger,
    },
  },
  taskList: {
    // With an array of promises, graphile-worker repeats only the failed events of a job.
    events: (payload) =>
      (payload as unknown[]).map((event) => store.submit(Buffer.from(JSON.stringify(event)))),
  },
  noHandleSignals: true,
})

onSigterm(async () => {
  await runner.stop()
  await pool.end()
})

console.log('ready')
