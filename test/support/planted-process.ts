import { randomUUID } from 'node:crypto'
import { type OwnReport, type ProcessReport, payloadVersion, readPayloadVersions } from '@vss-pipeline/queue'
import { pipelineVersion } from '@vss-pipeline/runtime'
import type { Redis } from 'ioredis'

/** A sound ingest and a sound worker, by what they tell about themselves. */
export const soundIngest: OwnReport<'ingest'> & { service: 'ingest' } = {
  service: 'ingest',
  payloadVersion,
  shards: 1,
  waitReplicas: 0,
  spool: {
    deliveries: 0,
    bytes: 0,
    maxBytes: 2 ** 30,
    oldestMs: null,
    notEmptySinceMs: null,
    diskFreeBytes: 2 ** 33,
  },
  hasSecret: true,
  lastHour: { accepted: 10, refused: {} },
  lastReceivedAtMs: null,
}
export const soundWorker: OwnReport<'worker'> & { service: 'worker' } = {
  service: 'worker',
  shards: 1,
  shardsRead: [0],
  isDatabaseThere: true,
  payloadVersions: [...readPayloadVersions],
}

/** A process is gone ten seconds after its last word, and a command may take as long where many tests run. */
const lastsMs = 60_000

/**
 * A process that runs, as far as Redis knows: it has told about itself as `tellProcess` does.
 *
 * @param options.clockAheadMs of its clock, before that of Redis
 */
export async function plantProcess(
  client: Redis,
  prefix: string,
  report: Partial<ProcessReport> & Pick<ProcessReport, 'service'>,
  options: { clockAheadMs?: number } = {},
): Promise<void> {
  const id = randomUUID()
  const toldAtMs = Date.now() + lastsMs
  const whole = {
    id,
    place: `host of the ${report.service}`,
    version: pipelineVersion,
    startedAtMs: Date.now(),
    clockMs: toldAtMs + (options.clockAheadMs ?? 0),
    ...report,
  }
  await client.set(`${prefix}:process:${id}`, JSON.stringify(whole), 'PX', lastsMs)
  await client.zadd(`${prefix}:processes`, toldAtMs, `${report.service} ${id}`)
}
