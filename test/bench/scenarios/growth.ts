import { displayCount } from '../../../services/cli/src/text.ts'
import { type Events, makeEvents, postAll } from '../load.ts'
import { type Measured, median, ratio, sideBySide } from '../measure.ts'
import { memoryDuring } from '../memory.ts'
import { type Program, startOurs } from '../programs.ts'
import { allStored } from '../rows.ts'
import type { Bench, ResultTable, Scenario, Target } from '../scenario.ts'
import { loadStoredSessions } from '../stored-sessions.ts'
import { drainOurs, drainQueue, enqueueOurs } from './drain.ts'

/** Whether it stays as fast while work piles up: in the queue, in the database, over time. */
export const growth: Scenario = {
  name: 'growth',
  async run(bench) {
    const parts = [await queuedEvents(bench), await storedSessions(bench), await memoryOverTime(bench)]
    return {
      title: 'Growth',
      method:
        'Drains by one worker unless it says two. Stored sessions: loaded beforehand by COPY, under ids that follow the time. Memory: resident, read each second, from POST to row.',
      tables: parts.map((part) => part.table),
      targets: parts.flatMap((part) => part.targets),
    }
  },
}

interface Part {
  table: ResultTable
  targets: Target[]
}

async function queuedEvents(bench: Bench): Promise<Part> {
  const small = makeEvents(10_000, 'queued')
  const large = makeEvents(100_000 * bench.scale, 'queued')
  const [few, many] = [`${displayed(small)} queued`, `${displayed(large)} queued`] as const
  const twoWorkers = `${many}, 2 workers`
  const measured = await sideBySide({
    ...bench,
    contestants: [
      { name: few, measure: () => drainOurs(bench, small) },
      { name: many, measure: () => drainOurs(bench, large) },
      { name: twoWorkers, measure: () => drainOurs(bench, large, { workers: 2 }) },
    ],
  })
  const targets: Target[] = [atLeast(`drain, ${many} against ${few}`, ratio(measured, many, few), 0.9, 1)]
  if (bench.full) {
    const huge = makeEvents(1_000_000, 'queued')
    const name = `${displayed(huge)} queued`
    bench.onStep(name)
    measured.push({ name, samples: [await drainOurs(bench, huge)] })
    targets.push(atLeast(`drain, ${name} against ${few}`, ratio(measured, name, few), 0.9, 1))
  }
  return { table: { unit: 'events/s', measured, comparedWith: few }, targets }
}

async function storedSessions(bench: Bench): Promise<Part> {
  const { servers, rounds, full, scale, onStep } = bench
  const events = makeEvents(60_000 * scale, 'stored')
  const none = 'none stored'
  const measured: Measured[] = []
  const targets: Target[] = []
  const counts = [0, 1_000_000 * scale, ...(full ? [10_000_000] : [])]
  for (const count of counts) {
    const name = count === 0 ? none : `${displayCount(count)} stored`
    onStep(name)
    await servers.reset()
    if (count > 0) await loadStored(bench, count)
    const samples: number[] = []
    for (let round = 0; round < (count > 1_000_000 ? 1 : rounds); round++) {
      onStep(`${name}, round ${round + 1} of ${rounds}`)
      const more = count === 0 ? events : makeEvents(events.bodies.length, `stored-${round}`)
      if (count === 0) await servers.reset()
      else await servers.db.query('TRUNCATE vss.deliveries')
      await enqueueOurs(bench, more)
      samples.push(await drainQueue(bench, more))
    }
    measured.push({ name, samples })
    if (count > 0) {
      targets.push(atLeast(`drain, ${name} against none`, ratio(measured, name, none), 0.85, 0.95))
    }
  }
  return { table: { unit: 'events/s', measured, comparedWith: none }, targets }
}

async function loadStored(bench: Bench, count: number): Promise<void> {
  await drainOurs(bench, makeEvents(10_500, 'template'))
  await loadStoredSessions(bench.servers.databaseUrl, count)
}

async function memoryOverTime(bench: Bench): Promise<Part> {
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
  const measured = [
    { name: 'ingest', samples: ofIngest },
    { name: 'worker', samples: ofWorker },
  ]
  return {
    table: { unit: 'MB', measured },
    targets: measured.flatMap(({ name, samples }): Target[] => [
      {
        what: `memory of ${name} over ${displayCount(total)} events, at most`,
        value: Math.max(...samples),
        unit: 'MB',
        limit: 250,
        aim: 150,
        lowerIsBetter: true,
      },
      {
        what: `memory of ${name}, the last third against the middle third`,
        value: growthOver(samples),
        unit: '×',
        limit: 1.1,
        aim: 1,
        lowerIsBetter: true,
      },
    ]),
  }
}

/** In parts that fit into this process' memory; the worker is let catch up between them. */
async function postAndStore({ servers }: Bench, ingest: Program, total: number): Promise<void> {
  const partSize = Math.min(50_000, total)
  for (let part = 0; part * partSize < total; part++) {
    const events = makeEvents(partSize, `memory-${part}`)
    await postAll(ingest.webhookUrl, events.bodies)
    await allStored(servers, 'vss.deliveries', events)
    await servers.db.query('TRUNCATE vss.deliveries')
  }
}

function growthOver(samples: readonly number[]): number {
  const third = Math.floor(samples.length / 3)
  return median(samples.slice(-third)) / median(samples.slice(third, 2 * third))
}

function atLeast(what: string, value: number, limit: number, aim: number): Target {
  return { what, value, unit: '×', limit, aim }
}

function displayed({ bodies }: Events): string {
  return displayCount(bodies.length)
}
