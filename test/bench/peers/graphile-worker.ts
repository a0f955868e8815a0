/**
 * One graphile-worker job an event, each stored in a transaction of its own. The settings, with batching, are the ones
 * of graphile-worker's performance page: https://worker.graphile.org/docs/performance
 */
import { run } from 'graphile-worker'
import { Pool } from 'pg'
import { quietLogger } from './graphile-logger.ts'
import { onSigterm } from './on-sigterm.ts'
import { storeJobData } from './store-event.ts'

const concurrentJobs = 24

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: concurrentJobs })
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
  taskList: { event: (payload) => storeJobData(pool, payload) },
  noHandleSignals: true,
})

onSigterm(async () => {
  await runner.stop()
  await pool.end()
})

console.log('ready')
