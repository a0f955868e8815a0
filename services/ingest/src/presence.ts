import { type Producer, payloadVersion, tellProcess } from '@vss-pipeline/queue'
import type { Lifecycle } from '@vss-pipeline/runtime/service'
import type { Answers } from './answers.ts'
import type { IngestConfig } from './config.ts'
import type { Spool } from './spool/spool.ts'
import { placeOf } from './watermark.ts'

/** Tells Redis each second that this ingest runs, what its spool holds, and how the POSTs of the last hour ended. */
export function keepPresent(deps: {
  config: Pick<IngestConfig, 'queuePrefix' | 'spoolMaxBytes' | 'webhookSecrets'>
  producer: Pick<Producer, 'client'>
  spool: Spool | undefined
  answers: Pick<Answers, 'lastHour' | 'lastReceivedAtMs'>
  lifecycle: Lifecycle
}): void {
  const { config, producer, spool, answers, lifecycle } = deps
  const telling = tellProcess({
    client: producer.client,
    prefix: config.queuePrefix,
    service: 'ingest',
    place: placeOf(spool),
    report: () => ({
      payloadVersion,
      spool: spool === undefined ? null : describeSpool(spool, config.spoolMaxBytes),
      hasSecret: config.webhookSecrets.length > 0,
      lastHour: answers.lastHour,
      lastReceivedAtMs: answers.lastReceivedAtMs,
    }),
  })
  lifecycle.onClose('presence', () => telling.close())
}

function describeSpool({ content, notEmptySinceMs }: Spool, maxBytes: number) {
  const { deliveries, bytes, oldestMs } = content
  return { deliveries, bytes, maxBytes, oldestMs, notEmptySinceMs }
}
