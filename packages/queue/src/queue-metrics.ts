import { createScrapedReading, Gauge, type Registry } from '@vss-pipeline/runtime/service'
import type { RedisClient } from './connection.ts'
import { readGreatestMemoryShare } from './memory.ts'
import { countProcesses } from './processes/processes.ts'
import { jobStates, readShards } from './status.ts'
import type { Shard } from './topology.ts'

/**
 * Adds the state of Redis and of the queues to a registry, as this process sees it. Every scrape reads it anew. While
 * Redis is away the last values stay, so that an alert on them goes on; `vss_redis_up` tells that they are old. Where
 * there are several queues, the label `shard` has their number.
 */
export function observeQueue(deps: {
  registry: Registry
  prefix: string
  shards: readonly Shard[]
  client: RedisClient
}): void {
  const { registry, prefix, shards, client } = deps
  const registers = [registry]
  const read = createScrapedReading(async () => {
    if (client.status !== 'ready') throw new Error('there is no connection to Redis')
    const [statuses, memoryShare, workers] = await Promise.all([
      readShards(shards, client),
      readGreatestMemoryShare(client),
      countProcesses(client, prefix, 'worker'),
    ])
    return { statuses, memoryShare, workers }
  })
  const shardLabel = shards.length > 1 ? (['shard'] as const) : []
  const labelOf = (shard: number) => (shards.length > 1 ? { shard } : {})

  new Gauge({
    name: 'vss_redis_up',
    help: '1 while Redis answers this process, else 0.',
    registers,
    async collect() {
      this.set((await read()) === undefined ? 0 : 1)
    },
  })
  // A gauge without labels begins with 0, which would be made up: hence the calls of remove().
  new Gauge({
    name: 'vss_redis_memory_share',
    help: 'Used share of the maxmemory of Redis, in a cluster of its fullest primary, 0 to 1; 0 where none is set.',
    registers,
    async collect() {
      const seen = await read()
      if (seen) this.set(seen.memoryShare)
    },
  }).remove()
  new Gauge({
    name: 'vss_workers_connected',
    help: 'Workers that have told Redis in the last 10 s that they run.',
    registers,
    async collect() {
      const seen = await read()
      if (seen) this.set(seen.workers)
    },
  }).remove()
  new Gauge({
    name: 'vss_queue_jobs',
    help: 'Batches in the queue, by state.',
    labelNames: ['state', ...shardLabel],
    registers,
    async collect() {
      const seen = await read()
      seen?.statuses.forEach(({ jobs }, shard) => {
        for (const state of jobStates) this.set({ state, ...labelOf(shard) }, jobs[state])
      })
    },
  })
  const oldest = new Gauge({
    name: 'vss_queue_oldest_waiting_seconds',
    help: 'Age of the oldest delivery that is not written yet, since its receipt; 0 when there is none.',
    labelNames: shardLabel,
    registers,
    async collect() {
      const seen = await read()
      seen?.statuses.forEach(({ oldestWaitingSeconds }, shard) => {
        this.set(labelOf(shard), oldestWaitingSeconds)
      })
    },
  })
  if (shards.length === 1) oldest.remove()
}
