import { type Producer, payloadVersion, tellProcess } from '@vss-pipeline/queue'
import type { Lifecycle } from '@vss-pipeline/runtime/service'
import type { Answers } from './answers.ts'
import type { IngestConfig } from './config.ts'
import { watchDiskRoom } from './spool/disk-room.ts'
import type { Spool } from './spool/spool.ts'
import { placeOf } from './watermark.ts'

/** Tells Redis each second that this ingest runs, what its spool holds, and how the POSTs of the last hour ended. */
export function keepPresent(deps: {
  config: Pick<IngestConfig, 'queuePrefix' | 'redisWaitReplicas' | 'spoolMaxBytes' | 'webhookSecrets'>
  producer: Pick<Producer, 'client' | 'shards'>
  spool: Spool | undefined
  answers: Pick<Answers, 'lastHour' | 'lastReceivedAtMs'>
  lifecycle: Lifecycle
}): void {
  const { config, producer, spool, answers, lifecycle } = deps
  const room = spool && watchDiskRoom(spool.dir)
  const telling = tellProcess({
    client: producer.client,
    prefix: config.queuePrefix,
    service: 'ingest',
    place: placeOf(spool),
    report: () => ({
      payloadVersion,
      shards: producer.shards.length,
      waitReplicas: config.redisWaitReplicas,
      spool: spool === undefined ? null : describeSpool(spool, config.spoolMaxBytes, room?.freeBytes ?? null),
      hasSecret: config.webhookSecrets.length > 0,
      lastHour: answers.lastHour,
      lastReceivedAtMs: answers.lastReceivedAtMs,
    }),
  })
  lifecycle.onClose('presence', async () => {
    room?.stop()
    await telling.close()
  })
}

function describeSpool({ content, notEmptySinceMs }: Spool, maxBytes: number, diskFreeBytes: number | null) {
  const { deliveries, bytes, oldestMs } = content
  return { deliveries, bytes, maxBytes, diskFreeBytes, oldestMs, notEmptySinceMs }
}
