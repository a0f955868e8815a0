import type { Producer } from '@vss-pipeline/queue'
import { v7 as uuidv7 } from 'uuid'
import type { OldestBatch, Spool } from './spool.ts'

/** The batch at the head of the spool, on its way to the queue. */
type State =
  | { name: 'unread' }
  | { name: 'read'; batch: OldestBatch; batchId: string }
  /** The queue has it, and the spool still does. */
  | { name: 'enqueued'; batch: OldestBatch }

/**
 * Moves the oldest batch of the spool to the queue: reads it, enqueues it, removes it. A call after one that failed
 * begins where that one stopped. It enqueues the same deliveries under the same id, so that the queue has them once.
 *
 * @returns how many deliveries were moved; 0 when the spool is empty. @throws the spool's error or the queue's.
 */
export type MoveOldest = () => Promise<number>

export function createMoveOldest(deps: { spool: Spool; enqueue: Producer['enqueue'] }): MoveOldest {
  const { spool, enqueue } = deps
  let state: State = { name: 'unread' }

  return async function moveOldest() {
    if (state.name === 'unread') {
      const batch = await spool.oldest()
      if (batch === null) return 0
      state = { name: 'read', batch, batchId: uuidv7() }
    }
    const { batch } = state
    if (state.name === 'read') {
      await enqueue(batch.deliveries, state.batchId)
      state = { name: 'enqueued', batch }
    }
    await spool.remove(batch.through)
    state = { name: 'unread' }
    return batch.deliveries.length
  }
}
