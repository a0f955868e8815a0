import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { SpoolContent, SpooledBatch, SpooledDelivery } from './rows.ts'
import { openSpoolStore, SpoolFullError } from './store.ts'

/** Runs the store on a thread of its own, so that nobody else waits for the disk. Calls are answered in their order. */

/** A call to the thread. `oldest` and `adopt` ask for a batch at most. */
export type SpoolCall =
  | { name: 'append'; deliveries: SpooledDelivery[] }
  | { name: 'oldest' }
  | { name: 'remove'; through: number }
  | { name: 'adopt' }
  | { name: 'close' }

export type SpoolAnswer = {
  /** How much the spool holds now. */
  content: SpoolContent
  /** The store's `reserveProblem`. It stands in the first answer, which comes without a call. */
  reserveProblem?: string | undefined
} & ({ error: Error; isOutage: boolean } | { batch?: SpooledBatch | null; adopted?: number })

const { batchLimits, ...options } = workerData as Parameters<typeof openSpoolStore>[0] & {
  batchLimits: { maxCount: number; maxBytes: number }
}
const store = openSpoolStore(options)
const port = parentPort as MessagePort
port.on('message', (call: SpoolCall) => {
  port.postMessage(answer(call))
  if (call.name === 'close') port.close()
})
port.postMessage({ content: store.content, reserveProblem: store.reserveProblem } satisfies SpoolAnswer)

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

function perform(call: SpoolCall): { batch?: SpooledBatch | null; adopted?: number } {
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
      return { adopted: store.adopt(batchLimits) }
    case 'close':
      store.close()
      return {}
  }
}
