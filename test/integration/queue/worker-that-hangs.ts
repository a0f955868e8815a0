/**
 * A worker process that takes batches, leaves a trail on each, writes a line for each to standard output, and never ends
 * them. Tests kill it.
 */

import { createConsumer } from '@vss-pipeline/queue'
import { createLogger } from '@vss-pipeline/runtime/service'

const { REDIS_URL, QUEUE_PREFIX, CONCURRENCY, TIMING } = process.env

createConsumer({
  redisUrl: REDIS_URL!,
  prefix: QUEUE_PREFIX!,
  concurrency: Number(CONCURRENCY),
  logger: createLogger({ service: 'hangs', level: 'silent' }),
  ...JSON.parse(TIMING!),
  async handle({ saveTrail }) {
    await saveTrail({ suspect: 'batch', starts: 1 })
    process.stdout.write('in hand\n')
    await new Promise(() => undefined)
  },
})
