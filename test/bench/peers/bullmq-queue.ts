import { Queue } from 'bullmq'

export const queueName = 'events'

/** Of the keys in Redis, where it is shared; BullMQ's own default otherwise. */
export const prefix = process.env.QUEUE_PREFIX ?? 'bull'

/**
 * Opens the queue as BullMQ's documentation does, with what it recommends for production: a job that is done is
 * removed. https://docs.bullmq.io/guide/queues/auto-removal-of-jobs
 *
 * @param redisUrl may hold a password: BullMQ hands `url` to ioredis, which reads it.
 */
export function openQueue(redisUrl: string): Queue {
  return new Queue(queueName, {
    connection: { url: redisUrl },
    prefix,
    defaultJobOptions: { removeOnComplete: true },
  })
}
