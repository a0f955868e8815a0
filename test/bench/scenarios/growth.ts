import { displayCount } from '@vss-pipeline/runtime'
import { loadStoredSessions } from '../../support/stored-sessions.ts'
import { type Contestant, ourPipeline, type Running } from '../contestant.ts'
import { rateOf } from '../figures.ts'
import { type Events, makeEvents } from '../load/events.ts'
import { postAll } from '../load/load-generator.ts'
import { type Measured, sideBySide } from '../measure.ts'
import { memoryDuring } from '../memory.ts'
import { type Program, startOurs } from '../programs.ts'
import { allStored, ledgerRows } from '../rows.ts'
import type { Bench, FigureTable, Scenario } from '../scenario.ts'
import { drain, endToEnd, pauseWorkers } from '../slices.ts'

const partSize = 50_000

/** Their rows are counted in the ledger, because it can be emptied while sessions stay. */
const onePair = ourPipeline({ rowsIn: ledgerRows })
const withTwoWorkers = ourPipeline({ rowsIn: ledgerRows, workers: 2 })

/** The speed while work piles up in the queue and in the database, and the memory over time. */
export const growth: Scenario = {
  name: 'growth',
  async run(bench) {
    return [
      {
        title: 'Growth',
        method:
          'One warm worker drains, or two where the row says so. Stored sessions: loaded beforehand by COPY, under ids that follow the time. Memory: resident, read each second, from POST to row.',
        tables: [await queuedEvents(bench), await storedSessions(bench), await memoryOverTime(bench)],
      },
    ]
  },
}

async function queuedEvents(bench: Bench): Promise<FigureTable> {
  const small = makeEvents(10_000, 'queued')
  const large = makeEvents(100_000 * bench.scale, 'queued')
  const few = `${displayed(small)} queued`
  const many = `${displayed(large)} queued`
  const measured = await sideBySide({
    ...bench,
    contestants: [
      { name: few, measure: () => drainRate(bench, onePair, small) },
      { name: many, measure: () => drainRate(bench, onePair, large) },
      { name: `${many}, 2 workers`, measure: () => drainRate(bench, withTwoWorkers, large) },
    ],
  })
  if (bench.full) {
    const huge = makeEvents(1_000_000, 'queued')
    const name = `${displayed(huge)} queued`
    bench.onStep(name)
    measured.push({ name, samples: [await drainRate(bench, onePair, huge)] })
  }
  return { unit: 'events/s', measured, comparedWith: few }
}

async function storedSessions(bench: Bench): Promise<FigureTable> {
  const { servers, rounds, full, scale, onStep } = bench
  const none = 'none stored'
  const measured: Measured[] = []
  for (const count of [0, 1_000_000 * scale, ...(full ? [10_000_000] : [])]) {
    const name = count === 0 ? none : `${displayCount(count)} stored`
    onStep(name)
    await servers.reset()
    if (count > 0) await loadStored(bench, count)
    const samples: number[] = []
    for (let round = 0; round < (count > 1_000_000 ? 1 : rounds); round++) {
      onStep(`${name}, round ${round + 1} of ${rounds}`)
      if (count === 0) await servers.reset()
      samples.push(await drainBeside(bench, onePair, makeEvents(60_000 * scale, `stored-${round}`)))
    }
    measured.push({ name, samples })
  }
  return { unit: 'events/s', measured, comparedWith: none }
}

async function loadStored(bench: Bench, count: number): Promise<void> {
  await drainRate(bench, onePair, makeEvents(10_500, 'template'))
  await loadStoredSessions(bench.servers.databaseUrl, count)
}

/** Drains a backlog on empty servers. @returns events a second. */
async function drainRate(bench: Bench, contestant: Contestant, events: Events): Promise<number> {
  await bench.servers.reset()
  return await drainBeside(bench, contestant, events)
}

/** Drains a backlog beside the stored sessions. @returns events a second. */
async function drainBeside({ servers }: Bench, contestant: Contestant, events: Events): Promise<number> {
  return await withRunning({ servers, contestant }, async (running) => {
    pauseWorkers(running)
    // The parts fit into the memory of a load generator.
    for (let start = 0; start < events.bodies.length; start += partSize) {
      await postAll(running.ingest.webhookUrl, events.bodies.slice(start, start + partSize))
    }
    await servers.db.query('CHECKPOINT')
    return rateOf([await drain(servers, running, events)])
  })
}

/** Runs `work` with a warm contestant and an empty ledger. */
async function withRunning<Result>(
  { servers, contestant }: { servers: Bench['servers']; contestant: Contestant },
  work: (running: Running) => Promise<Result>,
): Promise<Result> {
  const running = await contestant.start(servers)
  try {
    await endToEnd(servers, running, makeEvents(6_000, 'warm-up'))
    await servers.db.query('TRUNCATE vss.deliveries, vss.bodies')
    return await work(running)
  } finally {
    await running.stop()
  }
}

async function memoryOverTime(bench: Bench): Promise<FigureTable> {
  const { servers, scale, onStep } = bench
  const total = 1_000_000 * scale
  onStep(`${displayCount(total)} events from POST to row`)
  await servers.reset()
  const worker = await startOurs('worker', servers)
  const ingest = await startOurs('ingest', servers)
  const work = postAndStore(bench, ingest, total)
  const [ofIngest, ofWorker] = await Promise.all([
    memoryDuring(ingest, work),
    memoryDuring(worker, work),
    work,
  ])
  await ingest.stop()
  await worker.stop()
  const thirds = [
    { name: 'ingest', samples: ofIngest },
    { name: 'worker', samples: ofWorker },
  ].flatMap(({ name, samples }) => {
    const third = Math.floor(samples.length / 3)
    return [
      {
        name: `${name}, the second third of ${displayCount(total)} events`,
        samples: samples.slice(third, 2 * third),
      },
      { name: `${name}, the last third`, samples: samples.slice(2 * third) },
    ]
  })
  return { unit: 'MB', measured: thirds }
}

/** Posts in parts that fit into this process' memory, and waits after each until the worker has stored it. */
async function postAndStore({ servers }: Bench, ingest: Program, total: number): Promise<void> {
  for (let part = 0; part * partSize < total; part++) {
    const events = makeEvents(Math.min(partSize, total), `memory-${part}`)
    await postAll(ingest.webhookUrl, events.bodies)
    await allStored(ledgerRows(servers), events)
    await servers.db.query('TRUNCATE vss.deliveries, vss.bodies')
  }
}

function displayed({ bodies }: Events): string {
  return displayCount(bodies.length)
}
