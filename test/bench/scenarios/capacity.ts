import { displayCount, displayCountOf } from '@vss-pipeline/runtime'
import { bytesPerEvent, pagesChanged } from '../../../services/cli/src/capacity/bytes.ts'
import { batchOf, coresFor, flushOf } from '../../../services/cli/src/capacity/cores.ts'
import {
  cpu,
  kinds,
  pageImageBytes,
  postgresConnections,
  queueBytes,
  redisConnections,
  relations,
  walBytes,
} from '../../../services/cli/src/capacity/figures.ts'
import { connectionsOf } from '../../../services/cli/src/capacity/model.ts'
import { readMetric } from '../../support/service-metric.ts'
import { loadStoredSessions } from '../../support/stored-sessions.ts'
import { ourPipeline, type Running } from '../contestant.ts'
import type { CpuMs } from '../cpu.ts'
import { type Events, makeEvents } from '../load/events.ts'
import { postAtRate } from '../load/post-at-rate.ts'
import { allStored, ledgerRows } from '../rows.ts'
import type { Bench, Scenario } from '../scenario.ts'
import { type BenchServers, truncateRows } from '../servers.ts'
import { startCpu } from '../slices.ts'
import { readWritten, sizesOf, writtenPerEvent } from '../storage.ts'

const eventsPerSecond = 2_000
const seconds = 60
const storedSessions = 1_000_000
/** Posted behind the checkpoint. */
const eventsBesideStored = 20_000
/** The model may be wrong by this share. */
const tolerance = 0.2

/** A figure of the model of `vss capacity`, and the same as it was measured. */
interface Comparison {
  name: string
  model: number
  measured: number
}

/**
 * Holds the model of `vss capacity` against a run at an even rate, and against one in large tables. Where other programs
 * keep the machine busy, the same work takes more CPU, for all parts alike.
 */
export const capacity: Scenario = {
  name: 'capacity',
  async run(bench) {
    const comparisons = [...(await compareRun(bench)), ...(await compareLog(bench))]
    // A quick round shows whether it runs: it is too short for its figures to be judged.
    const judged = bench.scale === 1 ? comparisons : []
    const wrong = judged.filter(({ model, measured }) => Math.abs(model / measured - 1) > tolerance)
    return [
      {
        title: 'Capacity',
        method: `The model of \`vss capacity\` beside a run of ${eventsPerSecond} events/s for ${Math.round(seconds * bench.scale)} s, from POST to row; then the log beside ${Math.round(storedSessions * bench.scale)} stored sessions, behind a checkpoint.`,
        tables: [
          {
            unit: '',
            costs: comparisons.map(({ name, model, measured }) => ({
              name,
              figures: { model, measured, ratio: model / measured },
            })),
          },
        ],
        problems: wrong.map(
          ({ name, model, measured }) =>
            `the model says ${model.toPrecision(3)} for ${name}, and ${measured.toPrecision(3)} were measured`,
        ),
      },
    ]
  },
}

async function compareRun({ servers, scale, onStep }: Bench): Promise<Comparison[]> {
  await servers.reset()
  const running = await ourPipeline({ rowsIn: ledgerRows }).start(servers)
  try {
    onStep('warm-up')
    await store(servers, running, makeEvents(10_000, 'warm-up'))
    await truncateRows(servers.db)
    const events = makeEvents(eventsPerSecond * Math.max(seconds * scale, 5), 'capacity')
    const count = events.bodies.length
    onStep(displayCountOf(count, 'event', 'events'))
    const countersBefore = await readCounters(running)
    const writtenBefore = await readWritten(servers)
    const cpuUsed = startCpu(servers, running)
    await store(servers, running, events)
    const cpuMs = cpuUsed()
    const written = writtenPerEvent(writtenBefore, await readWritten(servers), count)
    const counters = await readCounters(running)
    const since = (name: keyof Counters) => counters[name] - countersBefore[name]
    const batch = batchOf(eventsPerSecond, since('enqueueSeconds') / since('batches'))
    const flush = flushOf(eventsPerSecond, since('flushSeconds') / since('flushes'))
    return [
      ...compareCpu(cpuMs, { count, batch, flush }),
      {
        name: 'append-only file, bytes an event',
        model: queueBytes.event + queueBytes.batch / batch,
        measured: written['AOF bytes']!,
      },
      { name: 'log, bytes an event', model: walBytes, measured: written['WAL bytes']! },
      ...(await compareConnections(servers)),
      ...(await compareSizes(servers, count)),
    ]
  } finally {
    await running.stop()
  }
}

/** Posts at an even rate, and waits until all events are rows. */
async function store(servers: BenchServers, { ingest }: Running, events: Events): Promise<void> {
  const rows = ledgerRows(servers)
  const { rowCount: before } = await servers.db.query('SELECT FROM vss.deliveries')
  await postAtRate(ingest.webhookUrl, events.bodies, eventsPerSecond)
  await allStored({ ...rows, expected: () => before! + events.bodies.length }, events)
}

function compareCpu(cpuMs: CpuMs, run: { count: number; batch: number; flush: number }): Comparison[] {
  const work = {
    eventsPerSecond,
    batchesPerSecond: eventsPerSecond / run.batch,
    flushesPerSecond: eventsPerSecond / run.flush,
    processes: 1,
  }
  const parts = { ingest: 'ingest', worker: 'worker', postgres: 'Postgres', redis: 'Redis' } as const
  return Object.entries(parts).map(([part, name]) => ({
    name: `CPU of ${name}, µs an event`,
    model: (coresFor(cpu[part as keyof typeof parts], work) / eventsPerSecond) * 1e6,
    measured: (cpuMs[name]! * 1_000) / run.count,
  }))
}

type Counters = Record<'batches' | 'enqueueSeconds' | 'flushes' | 'flushSeconds', number>

async function readCounters({ ingest, workers }: Running): Promise<Counters> {
  const [batches, enqueueSeconds, flushes, flushSeconds] = await Promise.all([
    readMetric(ingest.opsUrl!, 'vss_batch_deliveries_count'),
    readMetric(ingest.opsUrl!, 'vss_enqueue_seconds_sum'),
    readMetric(workers[0]!.opsUrl!, 'vss_flush_rows_count'),
    readMetric(workers[0]!.opsUrl!, 'vss_flush_seconds_sum'),
  ])
  return { batches, enqueueSeconds, flushes, flushSeconds }
}

async function compareConnections({ redis, db }: BenchServers): Promise<Comparison[]> {
  const model = connectionsOf({ ingest: 1, worker: 1, redis: 1, queueShards: 1 })
  const clients = String(await redis.client('LIST')).match(/\bname=(vss-|\{vss)/g) ?? []
  const { rowCount } = await db.query(`SELECT FROM pg_stat_activity WHERE application_name = 'vss-worker'`)
  return [
    // No console runs here.
    { name: 'connections to Redis', model: model.redis - redisConnections.console, measured: clients.length },
    {
      name: 'connections to Postgres',
      model: model.postgres - postgresConnections.console,
      measured: rowCount!,
    },
  ]
}

async function compareSizes(servers: BenchServers, count: number): Promise<Comparison[]> {
  const sizes = await sizesOf(servers)
  return kinds.map((kind) => ({
    name: `${kind} with indexes, bytes an event`,
    model: bytesPerEvent(kind),
    measured:
      relations
        .filter((relation) => relation.kind === kind)
        .reduce((sum, { name }) => sum + (sizes.get(name) ?? 0), 0) / count,
  }))
}

/** The full pages of the log, behind a checkpoint, in tables that are larger than a run makes them. */
async function compareLog({ servers, scale, onStep }: Bench): Promise<Comparison[]> {
  await servers.reset()
  const running = await ourPipeline({ rowsIn: ledgerRows }).start(servers)
  try {
    onStep(`${displayCountOf(storedSessions * scale, 'stored session', 'stored sessions')}`)
    await store(servers, running, makeEvents(10_500, 'template'))
    await loadStoredSessions(servers.databaseUrl, storedSessions * scale)
    const sizes = await sizesOf(servers)
    const events = makeEvents(eventsBesideStored, 'log')
    const count = events.bodies.length
    await servers.db.query('CHECKPOINT')
    const before = await readWritten(servers)
    await store(servers, running, events)
    const { 'WAL bytes': measured } = writtenPerEvent(before, await readWritten(servers), count)
    const pages = relations.reduce(
      (sum, { name, scatteredPages = 0 }) =>
        sum + pagesChanged({ events: count, indexBytes: sizes.get(name) ?? 0, scatteredPages }),
      0,
    )
    return [
      {
        name: `log beside ${displayCount(storedSessions * scale)} sessions, bytes an event`,
        model: walBytes + pages * pageImageBytes,
        measured: measured!,
      },
    ]
  } finally {
    await running.stop()
  }
}
