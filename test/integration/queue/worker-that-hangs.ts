/**
 * A worker process that takes batches, leaves a trail on each, writes a line for each to standard output, and never ends
 * them. Tests kill it.
 */

import { createConsumer } from '@vss-pipeline/queue'
import { createLogger } from '@vss-pipeline/runtime/service'

const { REDIS_URL, QUEUE_PREFIX, CONCURRENCY, LOCK_DURATION_MS } = process.env

createConsumer({
  redisUrl: REDIS_URL!,
  prefix: QUEUE_PREFIX!,
  concurrency: Number(CONCURRENCY),
  logger: createLogger({ service: 'hangs', level: 'silent' }),
  lockDurationMs: Number(LOCK_DURATION_MS),
  // How soon it looks holds back whoever looks next.
  stalledIntervalMs: 300,
  async handle({ saveTrail }) {
    await saveTrail({ suspect: 'batch', starts: 1 })
    process.stdout.write('in hand\n')
    return await new Promise<never>(() => undefined)
  },
})
