import type { Logger } from './logger.ts'

type Level = 'warn' | 'error'

/** How often a condition that needs an operator is logged again. */
const repeatAfterMs = 30_000

/** Logs the beginning and the end of conditions that last, and not each time that they are met. */
export interface Teller<Condition extends string> {
  /** Logs a condition when it is met first, and not again until it is over. */
  once(condition: Condition, level: Level, message: string, fields?: object): void
  /** Logs a condition when it is met first, and then every half minute while it is met. */
  repeatedly(condition: Condition, level: Level, message: string, fields?: object): void
  /** Ends a condition. Logs the message, if there is one, where the condition had been logged. */
  over(condition: Condition, message?: string, fields?: object): void
}

export function createTeller<Condition extends string>(
  logger: Logger,
  options: { now?: () => number } = {},
): Teller<Condition> {
  const { now = () => performance.now() } = options
  const toldAtMs = new Map<Condition, number>()

  function tell(condition: Condition, level: Level, message: string, fields: object): void {
    logger[level](fields, message)
    toldAtMs.set(condition, now())
  }

  return {
    once(condition, level, message, fields = {}) {
      if (!toldAtMs.has(condition)) tell(condition, level, message, fields)
    },
    repeatedly(condition, level, message, fields = {}) {
      const lastMs = toldAtMs.get(condition) ?? Number.NEGATIVE_INFINITY
      if (now() - lastMs >= repeatAfterMs) tell(condition, level, message, fields)
    },
    over(condition, message, fields = {}) {
      if (toldAtMs.delete(condition) && message !== undefined) logger.info(fields, message)
    },
  }
}
