import { createProducer, type Producer } from '@vss-pipeline/queue'
import { createLogger } from '@vss-pipeline/runtime/service'
import { onTestFinished } from 'vitest'
import { untilConnected } from './redis-connection.ts'
import type { RunningPipeline } from './running-pipeline.ts'

/** Opens a producer on a pipeline's queue, for batches that ingest would not make. It closes when the test has finished. */
export async function openProducer({
  redisUrl,
  queuePrefix,
}: Pick<RunningPipeline, 'redisUrl' | 'queuePrefix'>): Promise<Producer> {
  const producer = createProducer({
    redisUrl,
    prefix: queuePrefix,
    logger: createLogger({ service: 'test', level: 'silent' }),
    commandTimeoutMs: 10_000,
  })
  onTestFinished(() => producer.close())
  await untilConnected(producer)
  return producer
}
