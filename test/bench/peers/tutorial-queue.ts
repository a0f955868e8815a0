import { Queue } from 'bullmq'

export const queueName = 'events'

/**
 * Opens the queue as BullMQ's documentation does, with what it recommends for production: a job that is done is
 * removed. https://docs.bullmq.io/guide/queues/auto-removal-of-jobs
 *
 * @param redisUrl may hold a password: BullMQ hands `url` to ioredis, which reads it.
 */
export function openQueue(redisUrl: string): Queue {
  return new Queue(queueName, {
    connection: { url: redisUrl },
    defaultJobOptions: { removeOnComplete: true },
  })
}
