import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { batchLimits, type Delivery, receivedAtMsOf } from '@vss-pipeline/delivery'
import type { SpoolContent, SpoolFolder } from './rows.ts'
import type { Adoption } from './store.ts'
import type { SpoolAnswer, SpoolCall, SpoolOpened } from './thread.ts'

/** Deliveries from the head of the spool, oldest first. */
export interface OldestBatch {
  deliveries: Delivery[]
  /** {@link Spool.remove} takes it, once the deliveries are durable elsewhere. */
  through: number
}

/** Deliveries on local disk, until the queue can take them. It belongs to one instance and outlives its process. */
export interface Spool {
  /** The folder of all instances' spools. */
  readonly dir: string
  /** This instance's folder in it, as of the opening. */
  readonly folder: SpoolFolder
  /** Why it takes nothing: the disk had no room to keep in reserve at the opening. Undefined where it had. */
  readonly reserveProblem: string | undefined
  /** How much it held at the thread's last answer. */
  readonly content: Readonly<SpoolContent>
  /** It has not been empty since then, or for longer: milliseconds since the Unix epoch; null when it is empty. */
  readonly notEmptySinceMs: number | null
  /** Whether it is well below its limit. */
  readonly hasRoom: boolean
  /** Resolves when the deliveries are on disk, all of them. @throws SpoolUnavailableError */
  append(deliveries: readonly Delivery[]): Promise<void>
  /** The oldest deliveries, a batch at most; null when it is empty. */
  oldest(): Promise<OldestBatch | null>
  /** Removes the deliveries that {@link oldest} gave. */
  remove(through: number): Promise<void>
  /** Takes over deliveries of instances that are gone, a batch at most. */
  adopt(): Promise<Adoption>
  /** Notes, durably, that a mark of the folder stands. */
  markKnown(): Promise<void>
  /** It is closed, was empty, and has noted that its mark stands no more. */
  readonly hasLeft: boolean
  close(): Promise<void>
}

/** The spool is full, or its disk refuses. */
export class SpoolUnavailableError extends Error {
  readonly code = 'spool_unavailable'
  override readonly name = 'SpoolUnavailableError'
}

function unavailable(cause: Error): SpoolUnavailableError {
  return new SpoolUnavailableError(cause.message, { cause })
}

const nearlyFullShare = 0.95

/**
 * Opens the spool of this instance in `dir`. It may hold deliveries of an instance that is gone.
 *
 * @param options.maxBodyBytes of a delivery: the room that is kept for giving it back depends on it.
 * @throws the error of the file system or of SQLite when the folder cannot be used.
 */
export async function openSpool(options: {
  dir: string
  maxBytes: number
  maxBodyBytes?: number
}): Promise<Spool> {
  const thread = new Worker(new URL('./thread.ts', import.meta.url), {
    name: 'spool',
    workerData: { ...options, batchLimits },
  })
  const waiting: { resolve: (answer: SpoolAnswer) => void; reject: (error: Error) => void }[] = []
  const [opened] = (await once(thread, 'message')) as [SpoolOpened]
  let content = opened.content
  let notEmptySinceMs = content.oldestMs
  let isClosing = false
  let hasLeft = false

  // The thread answers in order. An error that is no answer ends the thread and this process. That breaks no
  // promise: all that was acknowledged is on disk.
  thread.on('message', (answer: SpoolAnswer) => {
    content = answer.content
    notEmptySinceMs = earlier(content.oldestMs, notEmptySinceMs)
    const call = waiting.shift()
    if ('error' in answer) call?.reject(answer.isOutage ? unavailable(answer.error) : answer.error)
    else call?.resolve(answer)
  })

  function ask(
    call: SpoolCall,
    transfer: ArrayBuffer[] = [],
  ): Promise<Exclude<SpoolAnswer, { error: Error }>> {
    return new Promise((resolve, reject) => {
      waiting.push({ resolve: resolve as (answer: SpoolAnswer) => void, reject })
      thread.postMessage(call, transfer)
    })
  }

  return {
    dir: options.dir,
    folder: opened.folder,
    reserveProblem: opened.reserveProblem,
    get content() {
      return content
    },
    get notEmptySinceMs() {
      return notEmptySinceMs
    },
    get hasRoom() {
      return content.bytes < nearlyFullShare * options.maxBytes
    },
    async append(deliveries) {
      // Copies, because a body shares its memory with other reads of its socket, and transferring takes all of it.
      const bodies = deliveries.map(({ body }) => new Uint8Array(body))
      await ask(
        {
          name: 'append',
          deliveries: deliveries.map((delivery, index) => ({ ...delivery, body: bodies[index]! })),
        },
        bodies.map((body) => body.buffer),
      )
    },
    async oldest() {
      const { batch } = await ask({ name: 'oldest' })
      if (!batch) return null
      return {
        through: batch.through,
        deliveries: batch.deliveries.map((delivery) => ({
          ...delivery,
          receivedAtMs: receivedAtMsOf(delivery.deliveryId),
        })),
      }
    },
    async remove(through) {
      await ask({ name: 'remove', through })
    },
    async adopt() {
      return (await ask({ name: 'adopt' })).adoption!
    },
    async markKnown() {
      if (isClosing) throw unavailable(new Error('the spool is closed'))
      await ask({ name: 'mark-known' })
    },
    get hasLeft() {
      return hasLeft
    },
    async close() {
      isClosing = true
      const ended = once(thread, 'exit')
      await ask({ name: 'close' })
      hasLeft = content.deliveries === 0
      await ended
    },
  }
}

/** @param oldestMs null empties the spool, and ends what was before. */
function earlier(oldestMs: number | null, sinceMs: number | null): number | null {
  return oldestMs === null || sinceMs === null ? oldestMs : Math.min(oldestMs, sinceMs)
}
