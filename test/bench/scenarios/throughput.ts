import { type Contestant, ourPipeline, peerContestant, type Running } from '../contestant.ts'
import { copyStoredRows } from '../copy.ts'
import { cpuOf, type Figures, mediansOf, rateOf } from '../figures.ts'
import { type Events, makeEvents } from '../load/events.ts'
import { connections, loadGenerator } from '../load/load-generator.ts'
import { type Measured, median } from '../measure.ts'
import { bareHandler, leanHandler, peers } from '../peers/index.ts'
import type { Bench, CostTable, FigureTable, Scenario, ScenarioResult } from '../scenario.ts'
import type { BenchServers } from '../servers.ts'
import { acknowledge, drain, emptyTables, endToEnd, type Slice } from '../slices.ts'
import { readWritten, type Written, writtenPerEvent } from '../storage.ts'

const ours = ourPipeline()
const contestants = [ours, ...[...peers, leanHandler, bareHandler].map(peerContestant)]

const eventsToWarmUp = 6_000
/** A slice of more events where they take little time: in half a second the start of 64 connections weighs. */
const eventsASlice = { fast: 24_000, slow: 12_000 }
const fastPerSecond = 3_000
/** So long each contestant warms up. A program that has run for less is not compiled to the end, and takes more CPU. */
const warmUpMs = 8_000
/** It is measured for so long at least, but in no more slices than these. */
const measuredMs = 2_000
const mostSlices = 6

/** The slices of a contestant in one round. A kind that it cannot do is empty. */
interface Round {
  endToEnd: Slice[]
  ack: Slice[]
  drain: Slice[]
  /** Amounts for each event that became a row. */
  written: Written
}

/** The pipeline beside its peers: from POST to row, and each half of the way. */
export const throughput: Scenario = {
  name: 'throughput',
  async run(bench) {
    const { servers, rounds, scale, onStep } = bench
    const events = {
      warmUp: makeEvents(eventsToWarmUp * scale, 'warm-up'),
      fast: makeEvents(eventsASlice.fast * scale, 'throughput'),
      slow: makeEvents(eventsASlice.slow * scale, 'throughput'),
    }
    const measured = new Map(contestants.map(({ name }) => [name, [] as Round[]]))
    const copies: Measured[] = [
      { name: 'COPY of the same rows', samples: [] },
      { name: 'COPY of them in binary', samples: [] },
    ]
    for (let round = 0; round < rounds; round++) {
      for (const contestant of contestants) {
        onStep(`${contestant.name}, round ${round + 1} of ${rounds}`)
        measured.get(contestant.name)!.push(await measureRound(bench, contestant, events))
        if (contestant !== ours) continue
        // These write the rows again that the worker has just written.
        copies[0]!.samples.push(await copyStoredRows(servers.databaseUrl, 'text'))
        copies[1]!.samples.push(await copyStoredRows(servers.databaseUrl, 'binary'))
      }
    }
    return resultsOf(measured, copies)
  },
}

async function measureRound(
  { servers, scale }: Bench,
  contestant: Contestant,
  events: Record<'warmUp' | 'fast' | 'slow', Events>,
): Promise<Round> {
  await servers.reset()
  const running = await contestant.start(servers)
  let before: Written
  let slices: Omit<Round, 'written'>
  try {
    const warm = running.rows === undefined ? acknowledge : endToEnd
    const warmed = await repeat({ ms: warmUpMs * scale }, () =>
      onEmptyTables(warm, servers, running, events.warmUp),
    )
    const last = warmed.slice(-1)
    before = await readWritten(servers)
    slices = await measureSlices(servers, running, {
      ms: measuredMs * scale,
      endToEnd: events[paceOf(last)],
      ack: events[paceOf(last.map(untilAnswered))],
    })
  } finally {
    await running.stop()
  }
  const stored = eventsOf(slices.endToEnd) + eventsOf(slices.drain)
  return { ...slices, written: writtenPerEvent(before, await readWritten(servers), stored) }
}

async function measureSlices(
  servers: BenchServers,
  running: Running,
  options: { ms: number; endToEnd: Events; ack: Events },
): Promise<Omit<Round, 'written'>> {
  const limits = { ms: options.ms, slices: mostSlices }
  if (running.rows === undefined) {
    return {
      endToEnd: [],
      ack: await repeat(limits, () => onEmptyTables(acknowledge, servers, running, options.ack)),
      drain: [],
    }
  }
  const whole = await repeat(limits, () => onEmptyTables(endToEnd, servers, running, options.endToEnd))
  // A handler without a queue answers after the commit, so one slice measures both.
  if (running.workers.length === 0) return { endToEnd: whole, ack: whole.map(untilAnswered), drain: [] }
  const ack: Slice[] = []
  const drained = await repeat(limits, async () => {
    ack.push(await onEmptyTables(acknowledge, servers, running, options.ack))
    return await drain(servers, running, options.ack)
  })
  return { endToEnd: whole, ack, drain: drained }
}

function paceOf(slices: readonly Slice[]): 'fast' | 'slow' {
  return rateOf(slices) >= fastPerSecond ? 'fast' : 'slow'
}

function untilAnswered(slice: Slice & { ackMs?: number }): Slice {
  return { ...slice, ms: slice.ackMs ?? slice.ms }
}

async function onEmptyTables<One extends Slice>(
  measure: (servers: BenchServers, running: Running, events: Events) => Promise<One>,
  servers: BenchServers,
  running: Running,
  events: Events,
): Promise<One> {
  await emptyTables(servers, running)
  return await measure(servers, running, events)
}

async function repeat<One extends Slice>(
  limits: { ms: number; slices?: number },
  measure: () => Promise<One>,
): Promise<One[]> {
  const slices: One[] = []
  let takenMs = 0
  do {
    const slice = await measure()
    slices.push(slice)
    takenMs += slice.ms
  } while (takenMs < limits.ms && slices.length < (limits.slices ?? Number.POSITIVE_INFINITY))
  return slices
}

function eventsOf(slices: readonly Slice[]): number {
  return slices.reduce((sum, slice) => sum + slice.events, 0)
}

type Kind = 'endToEnd' | 'ack' | 'drain'

function resultsOf(measured: ReadonlyMap<string, Round[]>, copies: Measured[]): ScenarioResult[] {
  const figures = (kind: Kind, others: Measured[] = []): FigureTable => ({
    unit: 'events/s',
    measured: [
      ...[...measured]
        .filter(([, rounds]) => rounds[0]![kind].length > 0)
        .map(([name, rounds]) => ({ name, samples: rounds.map((round) => rateOf(round[kind])) })),
      ...others,
    ].sort((one, other) => median(other.samples) - median(one.samples)),
    comparedWith: ours.name,
  })
  const costs = (unit: string, kind: Kind, of: (round: Round) => Figures): CostTable => ({
    unit,
    costs: figures(kind).measured.map(({ name }) => ({
      name,
      figures: mediansOf(measured.get(name)!.map(of)),
    })),
  })
  const cpu = (kind: Kind, programs: string[]): CostTable =>
    costs('CPU µs/event', kind, (round) => ({ ...cpuOf(round[kind], programs), ...cpuOfLoad(round[kind]) }))
  return [
    {
      title: 'End to end',
      method: `${connections} connections post, to one process of each kind; measured from the first POST to the last visible row. Handlers without a queue answer when the rows are committed.`,
      tables: [
        figures('endToEnd'),
        cpu('endToEnd', ['ingest', 'worker', 'Postgres', 'Redis']),
        costs('written/event', 'endToEnd', (round) => round.written),
      ],
    },
    {
      title: 'Acknowledgements',
      method: `As above, while no worker runs; measured from the first POST to the last answer.`,
      tables: [figures('ack'), cpu('ack', ['ingest', 'Postgres', 'Redis'])],
    },
    {
      title: 'Drain',
      method: `One worker process writes the backlog of the runs above; measured from the first committed row to the last. COPY: one connection, one COPY a table, all in one transaction; text is its default format.`,
      tables: [figures('drain', copies), cpu('drain', ['worker', 'Postgres', 'Redis'])],
    },
  ]
}

/** The load generator's CPU stands beside the sum, because it is not part of the contestant. */
function cpuOfLoad(slices: readonly Slice[]): Figures {
  const { load } = cpuOf(slices, ['load'])
  return load === undefined ? {} : { [loadGenerator]: load }
}
