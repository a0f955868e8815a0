import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import {
  openSpoolStore,
  type SpoolContent,
  type SpooledBatch,
  type SpooledDelivery,
  SpoolFullError,
} from './store.ts'

/** Spools on a thread of its own, so that waiting for the disk holds up nobody. Calls are answered in their order. */

/** What the thread is asked; `oldest` and `adopt` are asked for a batch at most. */
export type SpoolCall =
  | { name: 'append'; deliveries: SpooledDelivery[] }
  | { name: 'oldest' }
  | { name: 'remove'; through: number }
  | { name: 'adopt' }
  | { name: 'close' }

export type SpoolAnswer = {
  /** How much the spool holds now. */
  content: SpoolContent
  /** In the first answer, which nobody asked for: `reserveProblem` of the store. */
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

/** Whether the spool is full, or its disk refuses: everything else is a bug. */
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
