import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import type { Spool } from './spool.ts'

/** After a refusal the spool is taken to be full for this long. */
const refusalCountsMs = 10_000

/** How the spool's disk behaves, as its last answers say. It may refuse new deliveries and withhold stored ones. */
export interface Disk {
  /** It refused a delivery just now. */
  readonly isRefusing: boolean
  /** It does not give back stored deliveries. */
  readonly isWithholding: boolean
  /** It did not keep a delivery, for this reason. */
  refused(reason: unknown): void
  /** It has removed a batch, so there is room again. */
  freed(): void
  /** It did not read or remove stored deliveries, for this reason. */
  withheld(reason: unknown): void
  /** It reads and removes them again. */
  gaveBack(): void
}

/** Watches the spool's disk, and logs each change once. */
export function createDisk(deps: { spool: Spool; logger: Logger }): Disk {
  const { spool, logger } = deps
  const told = createTeller<'refusing' | 'withholding'>(logger)
  let refusedAtMs = Number.NEGATIVE_INFINITY
  let isWithholding = false
  if (spool.reserveProblem !== undefined) {
    logger.error(
      { reason: spool.reserveProblem },
      `the spool takes nothing: make room on the disk of ${spool.dir}`,
    )
  }

  return {
    get isRefusing() {
      return performance.now() - refusedAtMs <= refusalCountsMs
    },
    get isWithholding() {
      return isWithholding
    },
    refused(reason) {
      refusedAtMs = performance.now()
      told.once('refusing', 'error', 'the queue is away, and the spool does not take deliveries', {
        err: reason,
      })
    },
    freed() {
      refusedAtMs = Number.NEGATIVE_INFINITY
      told.over('refusing')
    },
    withheld(reason) {
      isWithholding = true
      const remedy = `make room on the disk of ${spool.dir}, or mend it`
      told.repeatedly('withholding', 'error', `the spool does not give back its deliveries: ${remedy}`, {
        err: reason,
        deliveries: spool.content.deliveries,
      })
    },
    gaveBack() {
      isWithholding = false
      told.over('withholding')
    },
  }
}
