import type { Logger } from '@vss-pipeline/runtime/service'

/** Something that goes on for a while, and is worth a line in the log, not one each time it is met. */
export type Condition = 'spooling' | 'refusing' | 'withholding' | 'orphans'

/** One that needs somebody's hand is told again as often. */
const repeatAfterMs = 30_000

export interface Teller {
  /** Says that something has come about once, however often it is met, until it is over. */
  once(condition: Condition, level: 'warn' | 'error', message: string, fields?: object): void
  /** As `once`, and again every half minute while it is met. */
  repeatedly(condition: Condition, level: 'warn' | 'error', message: string, fields?: object): void
  forget(...over: Condition[]): void
}

export function createTeller(options: { logger: Logger; now?: () => number }): Teller {
  const { logger, now = () => performance.now() } = options
  const toldAtMs = new Map<Condition, number>()

  function tell(condition: Condition, level: 'warn' | 'error', message: string, fields: object): void {
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
    forget(...over) {
      for (const condition of over) toldAtMs.delete(condition)
    },
  }
}
