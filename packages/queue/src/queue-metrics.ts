import { withinMs } from '@vss-pipeline/runtime'
import { Gauge, type Registry } from '@vss-pipeline/runtime/service'
import type { Redis } from 'ioredis'
import { jobStates, type QueueStatus, readShards } from './status.ts'
import type { Shard } from './topology.ts'

/** A scrape must not wait for a Redis that hangs. */
const scrapeTimeoutMs = 1_000

/**
 * Adds the depth of the queues to a registry. Every reading of the metrics reads it anew. Where there are several queues,
 * the label `shard` has their number.
 */
export function observeQueue(deps: { registry: Registry; shards: readonly Shard[]; client: Redis }): void {
  const { registry, shards, client } = deps
  const registers = [registry]
  let pending: Promise<QueueStatus[] | undefined> | undefined

  /** Reads once for all gauges of a scrape. @returns undefined while Redis is away. */
  async function read(): Promise<QueueStatus[] | undefined> {
    if (client.status !== 'ready') return undefined
    pending ??= withinMs(readShards(shards, client), scrapeTimeoutMs, 'no answer')
      .catch(() => undefined)
      .finally(() => {
        pending = undefined
      })
    return pending
  }

  const shardLabel = shards.length > 1 ? (['shard'] as const) : []
  const labelOf = (shard: number) => (shards.length > 1 ? { shard } : {})

  new Gauge({
    name: 'vss_queue_jobs',
    help: 'Batches in the queue, by state.',
    labelNames: ['state', ...shardLabel],
    registers,
    async collect() {
      // While Redis is away there is no value, because an old one would be wrong.
      this.reset()
      const statuses = await read()
      statuses?.forEach(({ jobs }, shard) => {
        for (const state of jobStates) this.set({ state, ...labelOf(shard) }, jobs[state])
      })
    },
  })
  new Gauge({
    name: 'vss_queue_oldest_waiting_seconds',
    help: 'Age of the oldest delivery that is not written yet, since its receipt; 0 when there is none.',
    labelNames: shardLabel,
    registers,
    async collect() {
      this.reset()
      // A reset of a gauge without labels leaves a 0.
      if (shards.length === 1) this.remove()
      const statuses = await read()
      statuses?.forEach(({ oldestWaitingSeconds }, shard) => {
        this.set(labelOf(shard), oldestWaitingSeconds)
      })
    },
  })
}
