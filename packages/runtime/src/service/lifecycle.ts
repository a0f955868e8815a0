import { withinMs } from '../deadline.ts'
import type { Logger } from './logger.ts'

export interface Lifecycle {
  /** Registers what must be closed, as it is opened. Closers run one by one in reverse order. */
  onClose(name: string, close: () => Promise<unknown> | unknown): void
  /**
   * Runs the closers; further calls share the first one's run. A closer that fails or a deadline that passes
   * is logged and makes the result false, but stops no other closer from being started.
   *
   * @returns true when everything closed cleanly before the deadline.
   */
  close(): Promise<boolean>
}

/** Keeps what a process has opened and closes it in order, within `timeoutMs` in all. */
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
