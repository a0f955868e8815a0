import { type Consumer, readPayloadVersions, tellProcess } from '@vss-pipeline/queue'
import type { Lifecycle } from '@vss-pipeline/runtime/service'
import type { WorkerConfig } from './config.ts'
import type { DatabaseWatch } from './database-watch.ts'

/** Tells Redis each second that this worker runs, and whether Postgres takes its rows. */
export function keepPresent(deps: {
  config: Pick<WorkerConfig, 'queuePrefix' | 'queueShards'>
  consumer: Pick<Consumer, 'client' | 'shards'>
  database: DatabaseWatch
  lifecycle: Lifecycle
}): void {
  const { config, consumer, database, lifecycle } = deps
  const telling = tellProcess({
    client: consumer.client,
    prefix: config.queuePrefix,
    service: 'worker',
    report: () => ({
      isDatabaseThere: database.isThere,
      shards: config.queueShards,
      shardsRead: consumer.shards.map(({ index }) => index),
      payloadVersions: [...readPayloadVersions],
    }),
  })
  lifecycle.onClose('presence', () => telling.close())
}
