import { generateEvents } from '@vss-pipeline/generator'
import { createPipeline, createWrite } from '@vss-pipeline/pipeline'
import { createProgress } from '@vss-pipeline/runtime'
import { createLogger } from '@vss-pipeline/runtime/service'
import type { Writer } from '@vss-pipeline/storage'
import { makeDelivery } from './deliveries.ts'

const batchSize = 500

/**
 * Stores made-up sessions of the last days, as the pipeline stores them, some of them dirty and some rejected.
 *
 * @param options.days the sessions are spread over so many days before now
 */
export async function storeMadeUpSessions(
  writer: Writer,
  options: { count: number; days: number; seed?: string; dirtyShare?: number },
): Promise<void> {
  const { count, days, seed = 'console', dirtyShare = 0.06 } = options
  const untilMs = Date.now()
  const { write } = createWrite({
    writer,
    metrics: { flushed: () => undefined, settled: () => undefined },
    logger: createLogger({ service: 'test', level: 'silent' }),
    progress: createProgress({ stuckAfterMs: Number.POSITIVE_INFINITY }),
    stopping: new AbortController().signal,
  })
  const processBatch = createPipeline({ write })
  const events = [
    ...generateEvents({ seed, count, dirtyShare, period: { fromMs: untilMs - days * 86_400_000, untilMs } }),
  ]
  const spacingSeconds = (days * 86_400) / count
  for (let at = 0; at < events.length; at += batchSize) {
    const deliveries = events
      .slice(at, at + batchSize)
      .map(({ body }, index) => makeDelivery(body, Math.max(0.5, (count - at - index) * spacingSeconds)))
    await processBatch({
      deliveryIds: deliveries.map(({ deliveryId }) => deliveryId),
      unpack: () => deliveries,
    })
  }
}
