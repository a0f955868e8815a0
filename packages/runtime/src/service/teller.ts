import type { Logger } from './logger.ts'

type Level = 'warn' | 'error'

/** A condition that needs somebody's hand is told again this often. */
const repeatAfterMs = 30_000

/** Says of conditions that last for a while that they have begun and ended, not each time that they are met. */
export interface Teller<Condition extends string> {
  /** Says that a condition has begun: once, however often it is met, until it is over. */
  once(condition: Condition, level: Level, message: string, fields?: object): void
  /** As `once`, and again every half minute while it is met. */
  repeatedly(condition: Condition, level: Level, message: string, fields?: object): void
  /** Ends a condition; says so, where it had been told of and there is a message. */
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
