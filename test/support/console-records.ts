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
 * @param options.days the sessions are spread over so many days before `untilMs`, which is now by default
 */
export async function storeMadeUpSessions(
  writer: Writer,
  options: { count: number; days: number; untilMs?: number; seed?: string; dirtyShare?: number },
): Promise<void> {
  const { count, days, untilMs = Date.now(), seed = 'console', dirtyShare = 0.06 } = options
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
  const agoSeconds = (Date.now() - untilMs) / 1_000 + 0.5
  for (let at = 0; at < events.length; at += batchSize) {
    const deliveries = events
      .slice(at, at + batchSize)
      .map(({ body }, index) =>
        makeDelivery(
          body,
          receivedSecondsAgo(body, untilMs) ?? agoSeconds + (count - at - index) * spacingSeconds,
        ),
      )
    await processBatch({
      deliveryIds: deliveries.map(({ deliveryId }) => deliveryId),
      unpack: () => deliveries,
    })
  }
}

/** A summary comes when its session has ended; null where the body does not tell when, or tells another time. */
function receivedSecondsAgo(body: Uint8Array, untilMs: number): number | null {
  const [, endTime = ''] = /"endTime":"([^"]+)"/.exec(Buffer.from(body).toString()) ?? []
  const endedAtMs = Date.parse(endTime)
  const isLikely = endedAtMs < untilMs && endedAtMs > untilMs - 30 * 86_400_000
  return isLikely ? (Date.now() - endedAtMs) / 1_000 : null
}
