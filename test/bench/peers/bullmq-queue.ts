import { Queue } from 'bullmq'

export const queueName = 'events'

/** The prefix of the keys in Redis. The default is BullMQ's own; tests share a Redis and set another. */
export const prefix = process.env.QUEUE_PREFIX ?? 'bull'

/**
 * Opens the queue as BullMQ's documentation does. Done jobs are removed, as it recommends for production:
 * https://docs.bullmq.io/guide/queues/auto-removal-of-jobs
 *
 * @param redisUrl may hold a password, because BullMQ gives the URL to ioredis, which reads it
 */
export function openQueue(redisUrl: string): Queue {
  return new Queue(queueName, {
    connection: { url: redisUrl },
    prefix,
    defaultJobOptions: { removeOnComplete: true },
  })
}
