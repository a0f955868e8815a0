import { createTeller, type Logger } from '@vss-pipeline/runtime/service'

/** Bounds the memory that arriving bodies and deliveries that wait to be kept take together. */
export interface WaitingBytes {
  /** @returns false, and takes nothing, when there is no room. */
  take(bytes: number): boolean
  giveBack(bytes: number): void
}

export function createWaitingBytes(options: { maxWaitingBytes: number; logger: Logger }): WaitingBytes {
  const { maxWaitingBytes, logger } = options
  let waitingBytes = 0
  const told = createTeller<'refusing'>(logger)
  return {
    take(bytes) {
      if (waitingBytes + bytes <= maxWaitingBytes) {
        waitingBytes += bytes
        return true
      }
      told.once('refusing', 'warn', 'refusing: too many deliveries wait to be kept', {
        waitingBytes,
        maxWaitingBytes,
      })
      return false
    },
    giveBack(bytes) {
      waitingBytes -= bytes
      if (waitingBytes < maxWaitingBytes / 2) told.over('refusing')
    },
  }
}
