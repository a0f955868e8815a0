import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Worker } from 'bullmq'
import { isConnectionLoss } from '../outage-log.ts'
import type { Shard } from '../topology.ts'
import type { Floor } from './floor.ts'

const restMs = 1_000

/**
 * Makes the function that takes a worker's errors. Where Redis refuses a command, as when out of memory, BullMQ asks
 * again at once and without end: then the worker of that shard takes no jobs for a moment. Others go on.
 *
 * @param deps.isConnected whether there is a connection to Redis. Its loss is logged elsewhere.
 */
export function createRest(deps: { floor: Floor; isConnected: () => boolean; logger: Logger }) {
  const { floor, isConnected, logger } = deps
  const resting = new Set<Worker>()

  return async function restWhenRefused(worker: Worker, { index }: Shard, error: Error): Promise<void> {
    if (floor.state !== 'open' || resting.has(worker) || !isConnected() || isConnectionLoss(error)) return
    logger.warn({ shard: index, err: error }, 'the queue refuses: asking again later')
    resting.add(worker)
    await worker.pause(true)
    await delay(restMs)
    resting.delete(worker)
    // After a batch that ran alone the floor lets all workers go on.
    if (floor.state === 'open') await worker.resume()
  }
}
