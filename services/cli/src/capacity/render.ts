import { displayBytes, displayCount, displayCountOf, displaySpan } from '@vss-pipeline/runtime'
import { indent, renderFields, renderParagraph, renderTable } from '../text.ts'
import type { Demand } from './demand.ts'
import type { Kind, Part } from './figures.ts'
import type { Limit } from './limits.ts'
import type { Capacity, Means } from './model.ts'

const partNames: Record<Part, string> = {
  ingest: 'ingest',
  worker: 'worker',
  redis: 'Redis',
  postgres: 'Postgres',
}

const memoryNote =
  'Memory of Postgres: the index pages that new rows touch in no order. Where it has less, it reads them from disk.'

/** Renders a plan for people, in lines of 80 columns. */
export function renderCapacity(capacity: Capacity, demand: Demand): string {
  const { eventsPerSecond, limits, pipelines, each, tooFew, ifDaily } = capacity
  const { bodies, ledger, sessions } = demand.retentionDays
  const load = [
    `${displayAmount(demand.eventsPerDay)} events a day: ${displayRate(eventsPerSecond.mean)} a second, ${displayRate(eventsPerSecond.peak)} at the peak.`,
    `Bodies are kept for ${days(bodies)}, the ledger for ${days(ledger)}, sessions for ${days(sessions)}.`,
    `Redis holds what comes at the peak in an outage of ${displaySpan(demand.outageSeconds)}.`,
  ]
  return [
    load.join('\n'),
    renderLimits(limits),
    pipelines === 1 ? 'One pipeline:' : renderSplit(pipelines, each),
    `${renderParts(each)}\n${renderParagraph(memoryNote, { indentColumns: 0 })}`,
    renderFields(fieldsOf(each)),
    ...(tooFew.length === 0 ? [] : [renderTooFew(tooFew)]),
    ...(ifDaily.pipelines < pipelines ? [renderDaily(capacity)] : []),
  ].join('\n\n')
}

function renderLimits(limits: readonly Limit[]): string {
  const rows = limits.map(({ part, resource, oneHoldsPerDay, needed }) => [
    `${partNames[part]}: ${resource}`,
    `${displayAmount(oneHoldsPerDay)} a day`,
    displayCount(needed),
  ])
  return renderTable(['THE FIRST LIMIT IS AT THE TOP', 'ONE IS ENOUGH FOR', 'NEEDED'], rows, {
    rightAligned: [1, 2],
  })
}

function renderSplit(pipelines: number, { eventsPerDay }: Means): string {
  return renderParagraph(
    `${displayCount(pipelines)} pipelines, each with a Postgres and a Redis for some of the sub-accounts, and ${displayAmount(eventsPerDay)} events a day. Each has:`,
    { indentColumns: 0 },
  )
}

function renderParts({ ingest, redis, worker, postgres }: Means): string {
  const rows: (readonly [string, number, number, number, number?])[] = [
    ['ingest', ingest.count, ingest.cores, ingest.memoryBytes],
    ['Redis', redis.count, redis.cores, redis.memoryBytes, redis.diskBytes],
    ['worker', worker.count, worker.cores, worker.memoryBytes],
    ['Postgres', 1, postgres.cores, postgres.memoryBytes, sumOf(postgres.diskBytes)],
  ]
  return renderTable(
    ['', 'COUNT', 'CORES', 'MEMORY', 'DISK'],
    rows.map(([name, count, cores, memoryBytes, diskBytes]) => [
      name,
      displayCount(count),
      displayCores(cores),
      displayBytes(memoryBytes),
      diskBytes === undefined ? '-' : displayBytes(diskBytes),
    ]),
    { rightAligned: [1, 2, 3, 4] },
  )
}

function sumOf({ bodies, ledger, sessions }: Record<Kind, number>): number {
  return bodies + ledger + sessions
}

function fieldsOf({
  redis,
  postgres,
  connections,
  networkBytesPerSecond: network,
}: Means): [string, string][] {
  const { bodies, ledger, sessions } = postgres.diskBytes
  const queue = `to Redis ${displayBits(network.toRedis)} and back`
  return [
    [
      'tables',
      `bodies ${displayBytes(bodies)}, ledger ${displayBytes(ledger)}, sessions ${displayBytes(sessions)}`,
    ],
    [
      'log (WAL)',
      `${displayBytes(postgres.logBytesPerEvent)} an event, ${displayBytes(postgres.logBytesPerDay)} a day`,
    ],
    ['max_wal_size', `${displayBytes(postgres.maxWalSizeBytes)}, with checkpoint_timeout = 15min`],
    [
      'fsyncs',
      `Redis ${displayRate(redis.syncsPerSecond)} a second, Postgres ${displayRate(postgres.syncsPerSecond)}`,
    ],
    ['QUEUE_SHARDS', displayCount(redis.queueShards)],
    [
      'connections',
      `to Redis ${displayCount(connections.redis)}, to Postgres ${displayCount(connections.postgres)}`,
    ],
    [
      'network',
      `POSTs ${displayBits(network.posts)}, ${queue}, to Postgres ${displayBits(network.toPostgres)}`,
    ],
  ]
}

function renderTooFew(tooFew: readonly Limit[]): string {
  const lines = tooFew.map(
    ({ part, resource, needed }) => `${partNames[part]}: ${needed} needed for ${resource}`,
  )
  return `Too few in a pipeline:\n${indent(lines.join('\n'))}`
}

function renderDaily({ ifDaily }: Capacity): string {
  return renderParagraph(
    `With ledger, sessions and legs in daily partitions, as bodies are now, ${displayCountOf(ifDaily.pipelines, 'pipeline', 'pipelines')} would do: an event would be ${displayBytes(ifDaily.logBytesPerEvent)} of log. See docs/scaling.md.`,
    { indentColumns: 0 },
  )
}

function days(count: number): string {
  return displayCountOf(count, 'day', 'days')
}

function displayCores(cores: number): string {
  return cores < 10 ? cores.toFixed(2) : displayCount(Math.round(cores))
}

function displayRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : displayCount(Math.round(perSecond))
}

/** A number of events: `250 thousand`, `41 million`. */
function displayAmount(events: number): string {
  if (events >= 1e9) return `${toThree(events / 1e9)} billion`
  if (events >= 1e6) return `${toThree(events / 1e6)} million`
  return displayCount(Math.round(events))
}

function toThree(value: number): string {
  return value >= 1_000 ? displayCount(Math.round(value)) : String(Number(value.toPrecision(3)))
}

function displayBits(bytesPerSecond: number): string {
  const megabits = (bytesPerSecond * 8) / 1e6
  return megabits < 1_000 ? `${toThree(megabits)} Mbit/s` : `${toThree(megabits / 1_000)} Gbit/s`
}
