import {
  type BackendFactory,
  ConnectionClosedError,
  createRedisBackend,
  type RedisQueueBackend,
} from 'bullmq'
import { breakOff } from './connection.ts'

/**
 * BullMQ's backend, whose wait for jobs ends at once when a worker closes, whatever the blocking connection is at.
 *
 * BullMQ's own disconnects that connection and waits for ioredis' event `end`. While ioredis waits to reconnect, it
 * emits none: it only gives up its next attempt. The worker would never end.
 */
export const createInterruptibleBackend: BackendFactory<RedisQueueBackend> = (...parameters) => {
  const backend = createRedisBackend(...parameters)
  const waitForJob = backend.waitForJob.bind(backend)
  const close = backend.close.bind(backend)
  let isInterrupted = false
  let interruptWait: (() => void) | undefined
  function interrupt(): void {
    isInterrupted = true
    interruptWait?.()
    // Else the watchdog of the wait would connect it again.
    backend.blockingClient?.then(breakOff, () => undefined)
  }

  return Object.assign(backend, {
    /** There is one wait at a time. A worker that closes takes no job after an error of the connection. */
    async waitForJob(blockTimeoutSeconds: number) {
      if (isInterrupted) throw new ConnectionClosedError()
      return await new Promise<Awaited<ReturnType<typeof waitForJob>>>((resolve, reject) => {
        interruptWait = () => reject(new ConnectionClosedError())
        waitForJob(blockTimeoutSeconds).then(resolve, reject)
      })
    },
    /** Called by a worker that closes, and only then. */
    async disconnectBlocking() {
      interrupt()
    },
    /** By force, on the blocking connection alone: there a polite QUIT would wait behind the blocking command. */
    async close() {
      interrupt()
      await close(true)
    },
  })
}
