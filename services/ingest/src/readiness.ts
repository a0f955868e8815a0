import type { Producer } from '@vss-pipeline/queue'
import type { ReadinessCheck } from '@vss-pipeline/runtime/service'
import type { Spooler } from './spool/spooler.ts'
import type { MarkTelling } from './watermark.ts'

/**
 * The checks of ingest's /readyz. Ingest is ready when it listens and could keep a delivery: in the spool or in Redis,
 * one of which must know of it. A spool that withholds its deliveries makes it unready, because the disk has to be mended.
 */
export function createReadinessChecks(deps: {
  producer: Pick<Producer, 'probe'>
  spooler: Pick<Spooler, 'isWithholding' | 'takesDeliveries'> | undefined
  mark: Pick<MarkTelling, 'isKnown'>
  isListening: () => boolean
}): Record<string, ReadinessCheck> {
  const { producer, spooler, mark, isListening } = deps
  return {
    async [spooler ? 'redis_or_spool' : 'redis']() {
      if (!isListening()) throw new Error('not listening yet')
      if (!mark.isKnown) throw new Error('Redis has not been reached since the start')
      if (spooler?.isWithholding) throw new Error('the spool does not give back its deliveries')
      if (!spooler?.takesDeliveries) await producer.probe()
    },
  }
}
