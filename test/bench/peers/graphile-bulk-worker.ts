/**
 * graphile-worker at its best: batch jobs, of which those in hand are stored together. The settings, batching
 * included, are those of the figures on its performance page: https://worker.graphile.org/docs/performance
 */
import { run } from 'graphile-worker'
import { Pool } from 'pg'
import { quietLogger } from './graphile-logger.ts'
import { onSigterm } from './on-sigterm.ts'
import { createGroupStore } from './store-events.ts'

const concurrentJobs = 24
/** Transactions: while one commits the next is made ready. */
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
    // An array of promises lets graphile-worker repeat those events of a job that failed.
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
