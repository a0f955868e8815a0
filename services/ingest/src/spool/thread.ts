import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { SpoolContent, SpooledBatch, SpooledDelivery, SpoolFolder } from './rows.ts'
import { type Adoption, openSpoolStore, SpoolFullError } from './store.ts'

/** Runs the store on a thread of its own, so that nobody else waits for the disk. Calls are answered in their order. */

/** A call to the thread. `oldest` and `adopt` ask for a batch at most. */
export type SpoolCall =
  | { name: 'append'; deliveries: SpooledDelivery[] }
  | { name: 'oldest' }
  | { name: 'remove'; through: number }
  | { name: 'adopt' }
  | { name: 'mark-known' }
  | { name: 'close' }

export type SpoolAnswer = {
  /** How much the spool holds now. */
  content: SpoolContent
} & ({ error: Error; isOutage: boolean } | { batch?: SpooledBatch | null; adoption?: Adoption })

/** The first message, which comes without a call. */
export interface SpoolOpened {
  content: SpoolContent
  folder: SpoolFolder
  /** The store's `reserveProblem`. */
  reserveProblem: string | undefined
}

const { batchLimits, ...options } = workerData as Parameters<typeof openSpoolStore>[0] & {
  batchLimits: { maxCount: number; maxBytes: number }
}
const store = openSpoolStore(options)
const port = parentPort as MessagePort
port.on('message', (call: SpoolCall) => {
  port.postMessage(answer(call))
  if (call.name === 'close') port.close()
})
const { content, folder, reserveProblem } = store
port.postMessage({ content, folder, reserveProblem } satisfies SpoolOpened)

function answer(call: SpoolCall): SpoolAnswer {
  try {
    return { content: store.content, ...perform(call) }
  } catch (error) {
    return { content: store.content, error: error as Error, isOutage: isOutage(error) }
  }
}

/** Whether the spool is full or its disk refuses. Every other error is a bug. */
function isOutage(error: unknown): boolean {
  return error instanceof SpoolFullError || typeof (error as NodeJS.ErrnoException).code === 'string'
}

function perform(call: SpoolCall): { batch?: SpooledBatch | null; adoption?: Adoption } {
  switch (call.name) {
    case 'append':
      store.append(call.deliveries)
      return {}
    case 'oldest':
      return { batch: store.oldest(batchLimits) }
    case 'remove':
      store.remove(call.through)
      return {}
    case 'adopt':
      return { adoption: store.adopt(batchLimits) }
    case 'mark-known':
      store.markKnown()
      return {}
    case 'close':
      store.close()
      return {}
  }
}
