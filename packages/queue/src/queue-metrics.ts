import { createScrapedReading, Gauge, type Registry } from '@vss-pipeline/runtime/service'
import { readGreatestMemoryShare } from './memory.ts'
import { countProcesses } from './processes/processes.ts'
import { combine, jobStates, readShards } from './status.ts'
import type { Topology } from './topology.ts'

/** Less than the second that a scrape waits, so that a shard that hangs does not hide the others. */
const answerTimeoutMs = 700

/**
 * Adds the state of Redis and of the queues to a registry, as this process sees it. Every scrape reads it anew. While
 * Redis is away the last values stay, so that an alert on them goes on; `vss_redis_up` tells that they are old. Where
 * there are several shards, `vss_shard_*` has each by its number, of which there are 64 at most.
 */
export function observeQueue(deps: { registry: Registry; topology: Topology }): void {
  const { registry, topology } = deps
  const { client, prefix } = topology
  const registers = [registry]
  const read = createScrapedReading(async () => {
    if (client.status !== 'ready') throw new Error('there is no connection to Redis')
    const [shards, memoryShare, workers] = await Promise.all([
      readShards(topology, answerTimeoutMs),
      readGreatestMemoryShare(client),
      // On the node of the first shard, which may be away alone.
      countProcesses(client, prefix, 'worker').catch(() => null),
    ])
    return { shards, whole: combine(shards), memoryShare, workers }
  })
  /** Shard 0 alone is the whole. */
  async function readSeveral() {
    const { shards = [] } = (await read()) ?? {}
    return shards.length > 1 ? shards : []
  }

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
      if (seen && seen.workers !== null) this.set(seen.workers)
    },
  }).remove()
  new Gauge({
    name: 'vss_queue_jobs',
    help: 'Batches in all shards, by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      const seen = await read()
      for (const state of seen ? jobStates : []) this.set({ state }, seen!.whole.jobs[state])
    },
  })
  new Gauge({
    name: 'vss_queue_oldest_waiting_seconds',
    help: 'Age of the oldest delivery that is not written yet, since its receipt; 0 when there is none.',
    registers,
    async collect() {
      const seen = await read()
      if (seen) this.set(seen.whole.oldestWaitingSeconds)
    },
  }).remove()
  new Gauge({
    name: 'vss_shard_up',
    help: '1 while the Redis of the shard answers this process, else 0. Only where there are several.',
    labelNames: ['shard'],
    registers,
    async collect() {
      for (const { shard, status } of await readSeveral()) this.set({ shard }, status === null ? 0 : 1)
    },
  })
  new Gauge({
    name: 'vss_shard_jobs',
    help: 'Batches in each shard, by state. Only where there are several.',
    labelNames: ['shard', 'state'],
    registers,
    async collect() {
      for (const { shard, status } of await readSeveral()) {
        for (const state of status ? jobStates : []) this.set({ shard, state }, status!.jobs[state])
      }
    },
  })
  new Gauge({
    name: 'vss_shard_oldest_waiting_seconds',
    help: 'Age of the oldest delivery in each shard, since its receipt; 0 when there is none. Only where there are several.',
    labelNames: ['shard'],
    registers,
    async collect() {
      for (const { shard, status } of await readSeveral()) {
        if (status !== null) this.set({ shard }, status.oldestWaitingSeconds)
      }
    },
  })
}
