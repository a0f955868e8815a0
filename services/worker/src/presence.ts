import { type Consumer, readPayloadVersions, tellProcess } from '@vss-pipeline/queue'
import type { Lifecycle } from '@vss-pipeline/runtime/service'
import type { DatabaseWatch } from './database-watch.ts'

/** Tells Redis each second that this worker runs, and whether Postgres takes its rows. */
export function keepPresent(deps: {
  prefix: string
  consumer: Pick<Consumer, 'client' | 'shards'>
  database: DatabaseWatch
  lifecycle: Lifecycle
}): void {
  const { prefix, consumer, database, lifecycle } = deps
  const telling = tellProcess({
    client: consumer.client,
    prefix,
    service: 'worker',
    report: () => ({
      isDatabaseThere: database.isThere,
      shards: consumer.shards.length,
      payloadVersions: [...readPayloadVersions],
    }),
  })
  lifecycle.onClose('presence', () => telling.close())
}
