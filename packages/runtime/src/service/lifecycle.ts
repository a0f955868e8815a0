import { withinMs } from '../deadline.ts'
import type { Logger } from './logger.ts'

export interface Lifecycle {
  /** Registers a closer, when its resource is opened. Closers run one by one, the last one first. */
  onClose(name: string, close: () => Promise<unknown> | unknown): void
  /**
   * Runs the closers once: further calls share the first run. A closer that fails, or does not end by the deadline, is
   * logged and makes the result false. The other closers run all the same.
   *
   * @returns true when all closed cleanly before the deadline.
   */
  close(): Promise<boolean>
}

/** Closes the resources of a process in the reverse order of their opening, within `timeoutMs` in all. */
export function createLifecycle(options: { logger: Logger; timeoutMs: number }): Lifecycle {
  const { logger, timeoutMs } = options
  const closers: { name: string; close: () => Promise<unknown> | unknown }[] = []
  let closing: Promise<boolean> | undefined

  async function runClosers(): Promise<boolean> {
    let clean = true
    const deadline = Date.now() + timeoutMs
    for (let closer = closers.pop(); closer; closer = closers.pop()) {
      try {
        const remainingMs = Math.max(0, deadline - Date.now())
        await withinMs(Promise.resolve(closer.close()), remainingMs, 'the shutdown deadline passed')
      } catch (error) {
        clean = false
        logger.error({ err: error, closer: closer.name }, 'did not close cleanly')
      }
    }
    return clean
  }

  return {
    onClose(name, close) {
      closers.push({ name, close })
    },
    close() {
      closing ??= runClosers()
      return closing
    },
  }
}
