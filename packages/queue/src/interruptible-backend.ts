import {
  type BackendFactory,
  ConnectionClosedError,
  createRedisBackend,
  type RedisQueueBackend,
} from 'bullmq'
import { breakOff } from './connection.ts'

/**
 * BullMQ's backend, with a wait for jobs that ends at once when a worker closes, in any state of the blocking connection.
 *
 * BullMQ's own backend disconnects that connection and waits for ioredis' event `end`. An ioredis that waits to reconnect
 * does not emit it, and only cancels its next attempt. The worker would never end.
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
    // Without this, the watchdog of the wait would connect again.
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
    /** Only a worker that closes calls this. */
    async disconnectBlocking() {
      interrupt()
    },
    /** Closes the blocking connection by force, because a QUIT would wait behind the blocking command. */
    async close() {
      interrupt()
      await close(true)
    },
  })
}
