import type { RedisCluster } from '../support/redis-cluster.ts'
import { type Contestant, ourPipeline, type Running } from './contestant.ts'
import type { Events } from './load/events.ts'
import { type Program, startOurs } from './programs.ts'
import type { BenchDatabase, BenchServers } from './servers.ts'
import { acknowledge, type Slice } from './slices.ts'

/** A way to run this pipeline: by default one of everything. */
export interface Setup {
  name: string
  shards?: number
  workers?: number
  ingests?: number
  onCluster?: boolean
}

/** A setup that runs. */
export interface RunningSetup extends Running {
  /** All of them; `ingest` is the first. */
  ingests: readonly Program[]
  /** With the Redis that it uses. */
  servers: BenchServers
}

/** Makes the contestant of a setup, with a database and queues of its own. */
export function setupContestant(
  setup: Setup,
  deps: { servers: BenchServers; cluster: RedisCluster; database: BenchDatabase; prefix: string },
): Contestant & { start(): Promise<RunningSetup> } {
  const { name, shards = 1, workers = 1, ingests = 1, onCluster = false } = setup
  const { servers, cluster, database, prefix } = deps
  const used: BenchServers = onCluster
    ? {
        ...servers,
        redisUrl: cluster.url,
        pids: { ...servers.pids, Redis: cluster.nodes.map(({ pid }) => pid) },
      }
    : servers
  const settings = { QUEUE_SHARDS: String(shards), QUEUE_PREFIX: prefix }
  return {
    name,
    async start() {
      const running = await ourPipeline({ workers, database, settings }).start(used)
      const others: Program[] = []
      const urls = { redisUrl: used.redisUrl, databaseUrl: database.databaseUrl }
      for (let more = 1; more < ingests; more++) others.push(await startOurs('ingest', urls, { settings }))
      return {
        ...running,
        ingests: [running.ingest, ...others],
        servers: used,
        async stop() {
          for (const ingest of others) await ingest.stop()
          await running.stop()
        },
      }
    },
  }
}

/** Measures from the first POST to the last answer, where each ingest gets an equal part of the events. */
export async function acknowledgeByAll(running: RunningSetup, events: Events): Promise<Slice> {
  const { ingests, servers } = running
  const share = Math.ceil(events.bodies.length / ingests.length)
  const slices = await Promise.all(
    ingests.map((ingest, index) => {
      const bodies = events.bodies.slice(index * share, (index + 1) * share)
      return acknowledge(servers, { ...running, ingest }, { ...events, bodies })
    }),
  )
  const sumOf = (figure: (slice: Slice) => number) => slices.reduce((sum, slice) => sum + figure(slice), 0)
  return {
    events: sumOf((slice) => slice.events),
    timed: sumOf((slice) => slice.timed),
    ms: Math.max(...slices.map(({ ms }) => ms)),
    cpu: { ...slices[0]!.cpu, ingest: sumOf(({ cpu }) => cpu.ingest ?? 0) },
  }
}
