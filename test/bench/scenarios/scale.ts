import { projectRoot } from '@vss-pipeline/local-stack'
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.ts'
import { cpuOf, type Figures, mediansOf, rateOf } from '../figures.ts'
import { makeEvents } from '../load/events.ts'
import { ratioOf } from '../measure.ts'
import { measurePair, type Slices } from '../pair.ts'
import type { Bench, Costs, Scenario } from '../scenario.ts'
import type { BenchDatabase } from '../servers.ts'
import { acknowledgeByAll, type RunningSetup, type Setup, setupContestant } from '../setups.ts'
import { drain, emptyTables, endToEnd } from '../slices.ts'

const one: Setup = { name: 'one queue, one worker, one ingest' }
const sixShards: Setup = { name: '6 shards on one Redis', shards: 6 }

/** Each setup, and the one that runs beside it. */
const pairs: readonly (readonly [Setup, Setup])[] = [
  [sixShards, one],
  [{ name: '6 shards on 3 primaries with replicas', shards: 6, onCluster: true }, sixShards],
  [{ name: '2 workers', workers: 2 }, one],
  [{ name: '4 workers', workers: 4 }, one],
  [{ name: '2 ingests', ingests: 2 }, one],
]

const turns = 4
/** For each process of a kind. A program that has had few events is not compiled to the end: it took up to a quarter more CPU. */
const slicesToWarmUp = 3
/** Acknowledging takes the least time, so its slices have more events. */
const events = { endToEnd: 12_000, ackAndDrain: 24_000 }

/** The cost of an event where there are more queues, servers or processes. */
export const scale: Scenario = {
  name: 'scale',
  async run(bench) {
    const { servers, rounds, onStep } = bench
    onStep('starting a Redis Cluster')
    const database = await servers.createDatabase('scale', projectRoot)
    const cluster = await startRedisCluster()
    const figures: Costs[] = []
    const ratios: Costs[] = []
    try {
      for (const pair of pairs) {
        const measured: [Figures[], Figures[]] = [[], []]
        for (let round = 0; round < rounds; round++) {
          onStep(`${pair[0].name}, round ${round + 1} of ${rounds}`)
          const slices = await measureSetups(bench, { pair, database, cluster })
          for (const index of [0, 1] as const) measured[index].push(...figuresByTurn(slices[index]))
        }
        figures.push({ name: pair[0].name, figures: mediansOf(measured[0]) })
        figures.push({ name: `  beside ${pair[1].name}`, figures: mediansOf(measured[1]) })
        ratios.push({ name: pair[0].name, figures: ratiosOf(...measured) })
      }
    } finally {
      await cluster.stop()
    }
    return [
      {
        title: 'Scale',
        method: `Two setups beside each other on this machine, in ${turns * rounds} turns. POST to row, acknowledgements while no worker runs, and the drain of these, in events/s; CPU in µs an event. Two ingests get half of the acknowledged posts each. Redis: all nodes of the cluster, with their replicas, at POST to row.`,
        tables: [
          { unit: 'medians', costs: figures },
          { unit: 'ratio to the one beside it', costs: ratios },
        ],
      },
    ]
  },
}

async function measureSetups(
  { servers, scale: share }: Bench,
  deps: { pair: readonly [Setup, Setup]; database: BenchDatabase; cluster: RedisCluster },
): Promise<[Slices, Slices]> {
  const { pair, database, cluster } = deps
  const some = makeEvents(events.endToEnd * share, 'scale')
  const many = makeEvents(events.ackAndDrain * share, 'scale')
  await servers.reset()
  return await measurePair<RunningSetup>({
    servers,
    contestants: [
      setupContestant(pair[0], { servers, cluster, database, prefix: '{vss}' }),
      setupContestant(pair[1], { servers, cluster, database: servers, prefix: '{vss-beside}' }),
    ],
    turns,
    async warmUp(running) {
      const processes = Math.max(running.ingests.length, running.workers.length)
      for (let slice = 0; slice < slicesToWarmUp * processes; slice++) {
        await emptyTables(servers, running)
        await acknowledgeByAll(running, many)
        await drain(running.servers, running, many)
      }
    },
    async measure(running) {
      await emptyTables(servers, running)
      const whole = await endToEnd(running.servers, running, some)
      await emptyTables(servers, running)
      const ack = await acknowledgeByAll(running, many)
      return { 'end to end': whole, ack, drain: await drain(running.servers, running, many) }
    },
  })
}

function figuresByTurn(slices: Slices): Figures[] {
  const { 'end to end': whole = [], ack = [], drain: drained = [] } = slices
  return whole.map((_, turn) => {
    const [atOnce, acknowledged, written] = [whole[turn]!, ack[turn]!, drained[turn]!]
    return {
      'POST to row': rateOf([atOnce]),
      ack: rateOf([acknowledged]),
      drain: rateOf([written]),
      'ingest µs': cpuOf([acknowledged], ['ingest']).ingest!,
      'worker µs': cpuOf([written], ['worker']).worker!,
      'Redis µs': cpuOf([atOnce], ['Redis']).Redis!,
    }
  })
}

function ratiosOf(ours: readonly Figures[], others: readonly Figures[]): Figures {
  const samples = (figures: readonly Figures[], name: string) => figures.map((each) => each[name]!)
  return Object.fromEntries(
    Object.keys(ours[0]!).map((name) => [name, ratioOf(samples(ours, name), samples(others, name)).median]),
  )
}
