import { createTemporaryFolder } from '@vss-pipeline/local-stack'
import { checkOut } from './checkout.ts'
import { type Contestant, ourPipeline } from './contestant.ts'
import { cpuOf, type Figures, rateOf } from './figures.ts'
import { makeEvents } from './load/events.ts'
import { measurePair, type Slices } from './pair.ts'
import type { BenchServers } from './servers.ts'
import { acknowledge, drain, emptyTables, endToEnd, type Slice } from './slices.ts'

const pairs = 9
const turns = 5
const slicesToWarmUp = 2
/** Acknowledging takes the least time, so its slices have more events. */
const events = { endToEnd: 12_000, ackAndDrain: 24_000 }

/** The programs whose CPU is shown for each kind of slice: the ones that do the work. */
const programs: Readonly<Record<string, readonly string[]>> = {
  'end to end': ['ingest', 'worker', 'Postgres', 'Redis'],
  ack: ['ingest'],
  drain: ['worker', 'Postgres'],
}

/** A figure of both trees, with a value for each turn. */
export interface Compared {
  /** `drain`, `ack` or `end to end`. */
  kind: string
  /** `events/s`, or a program with ` µs` for its CPU in µs/event. */
  figure: string
  here: number[]
  there: number[]
}

/**
 * Measures this tree and another commit in alternating turns on the same servers.
 *
 * @param ref names the commit
 * @returns the compared figures, and the commit's title
 */
export async function compareWith(
  ref: string,
  options: { servers: BenchServers; quick: boolean; onStep: (step: string) => void },
): Promise<{ title: string; compared: Compared[] }> {
  const { servers, quick, onStep } = options
  const folder = await createTemporaryFolder()
  try {
    onStep(`installing ${ref}`)
    const { root, title } = await checkOut(ref, folder.path)
    const contestants = [
      ourPipeline(),
      ourPipeline({
        root,
        database: await servers.createDatabase('base', root),
        // Both use one Redis, and neither may take jobs from the other's queue.
        settings: { QUEUE_PREFIX: '{vss-base}' },
      }),
    ] as const
    const measured: [Slices, Slices][] = []
    const count = quick ? 1 : pairs
    for (let pair = 0; pair < count; pair++) {
      onStep(`pair ${pair + 1} of ${count}`)
      await servers.reset()
      // The trees take turns in starting first.
      const inOrder = pair % 2 === 0 ? contestants : ([contestants[1], contestants[0]] as const)
      const slices = await measureTrees(servers, inOrder, quick)
      measured.push(pair % 2 === 0 ? slices : [slices[1], slices[0]])
    }
    return { title, compared: compare(measured) }
  } finally {
    await folder.remove()
  }
}

async function measureTrees(
  servers: BenchServers,
  contestants: readonly [Contestant, Contestant],
  quick: boolean,
): Promise<[Slices, Slices]> {
  const scale = quick ? 0.1 : 1
  const some = makeEvents(events.endToEnd * scale, 'against')
  const many = makeEvents(events.ackAndDrain * scale, 'against')
  return await measurePair({
    servers,
    contestants,
    turns: quick ? 1 : turns,
    async warmUp(running) {
      for (let slice = 0; slice < slicesToWarmUp; slice++) {
        await emptyTables(servers, running)
        await endToEnd(servers, running, some)
      }
    },
    async measure(running) {
      await emptyTables(servers, running)
      const whole = await endToEnd(servers, running, some)
      await emptyTables(servers, running)
      const ack = await acknowledge(servers, running, many)
      return { 'end to end': whole, ack, drain: await drain(servers, running, many) }
    },
  })
}

function compare(measured: readonly [Slices, Slices][]): Compared[] {
  return Object.keys(programs).flatMap((kind) => {
    const [here, there] = [0, 1].map((tree) =>
      measured.flatMap((pair) => pair[tree]![kind]!).map((slice) => figuresOf(slice, programs[kind]!)),
    ) as [Figures[], Figures[]]
    return Object.keys(here[0]!).map((figure) => ({
      kind,
      figure,
      here: here.map((figures) => figures[figure]!),
      there: there.map((figures) => figures[figure]!),
    }))
  })
}

function figuresOf(slice: Slice, programs: readonly string[]): Figures {
  const { together, ...each } = cpuOf([slice], programs)
  const cpu = Object.entries(programs.length > 1 ? { ...each, together } : each)
  return {
    'events/s': rateOf([slice]),
    ...Object.fromEntries(cpu.map(([name, microseconds]) => [`${name} µs`, microseconds!])),
  }
}
