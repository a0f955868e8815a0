import { createConsumer } from '@vss-pipeline/queue'
import { freshPrefix } from '../../support/batches.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'
import { untilConnected } from '../../support/redis-connection.ts'

/**
 * Opens a consumer that has nothing in hand, and closes it. Another one that began to close before, and is not closed
 * after this, waits for something.
 */
export async function closeIdleConsumer(redisUrl: string): Promise<void> {
  const { logger } = createRecordingLogger()
  const consumer = createConsumer({
    redisUrl,
    prefix: freshPrefix(),
    concurrency: 1,
    logger,
    handle: async () => 'done',
  })
  await untilConnected(consumer)
  await consumer.close()
}
