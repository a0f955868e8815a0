import { join } from 'node:path'
import { createTemporaryFolder } from '@vss-pipeline/local-stack'
import { ourPipeline, type Running } from '../contestant.ts'
import { rateOf } from '../figures.ts'
import { type Events, makeEvents } from '../load/events.ts'
import { postAtRate } from '../load/post-at-rate.ts'
import type { Measured } from '../measure.ts'
import { measurePair, type Slices } from '../pair.ts'
import { startOurs } from '../programs.ts'
import type { Bench, Scenario } from '../scenario.ts'
import type { BenchServers } from '../servers.ts'
import { acknowledge } from '../slices.ts'

const ratePerSecond = 1_000
const warmUpSeconds = 2
const outageSeconds = 8

/** The cost of the spool while Redis works, and the time of an answer while Redis hangs. */
export const spool: Scenario = {
  name: 'spool',
  async run(bench) {
    const { servers, rounds, scale, onStep } = bench
    const events = makeEvents(12_000 * scale, 'spool')
    const healthy: Measured[] = [
      { name: 'ingest with a spool', samples: [] },
      { name: 'ingest without one', samples: [] },
    ]
    for (let round = 0; round < rounds; round++) {
      onStep(`with and without, round ${round + 1} of ${rounds}`)
      const slices = await withFolder((folder) => measureHealthy(servers, folder, events))
      for (const [index, { ack }] of slices.entries()) healthy[index]!.samples.push(rateOf(ack!))
    }
    const hanging = await measureOutage(bench)
    return [
      {
        title: 'Spool',
        method: `Acknowledgements as above, with and without \`SPOOL_DIR\`, in alternating turns. Then ${ratePerSecond} posts a second come while Redis takes connections and answers nothing, once ingest has noticed.`,
        tables: [
          { unit: 'deliveries/s', measured: healthy, comparedWith: healthy[1]!.name },
          { unit: 'ms', measured: hanging },
        ],
      },
    ]
  },
}

async function measureHealthy(
  servers: BenchServers,
  folder: string,
  events: Events,
): Promise<[Slices, Slices]> {
  await servers.reset()
  const ingest = (settings: NodeJS.ProcessEnv) => ourPipeline({ workers: 0, settings })
  const post = (running: Running) => acknowledge(servers, running, events)
  return await measurePair({
    servers,
    contestants: [ingest({ SPOOL_DIR: folder }), ingest({ SPOOL_DIR: '' })],
    turns: 6,
    async warmUp(running) {
      for (let slice = 0; slice < 4; slice++) await post(running)
    },
    measure: async (running) => ({ ack: await post(running) }),
  })
}

async function measureOutage({ servers, rounds, scale, onStep }: Bench): Promise<Measured[]> {
  const { bodies } = makeEvents(ratePerSecond * (warmUpSeconds + outageSeconds * scale), 'outage')
  const p50: Measured = { name: 'ack p50', samples: [] }
  const p99: Measured = { name: 'ack p99', samples: [] }
  for (let round = 0; round < rounds; round++) {
    onStep(`while Redis hangs, round ${round + 1} of ${rounds}`)
    await servers.reset()
    await withFolder(async (folder) => {
      // It takes nothing before it has reached Redis once.
      const ingest = await startOurs('ingest', servers, { settings: { SPOOL_DIR: folder } })
      signalRedis(servers, 'SIGSTOP')
      try {
        const warmUps = ratePerSecond * warmUpSeconds
        await postAtRate(ingest.webhookUrl, bodies.slice(0, warmUps), ratePerSecond)
        const answers = await postAtRate(ingest.webhookUrl, bodies.slice(warmUps), ratePerSecond)
        p50.samples.push(answers.p50)
        p99.samples.push(answers.p99)
      } finally {
        signalRedis(servers, 'SIGCONT')
        await ingest.stop()
      }
    })
  }
  return [p50, p99]
}

/** A Redis that is stopped takes connections and answers nothing. */
function signalRedis({ pids }: BenchServers, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids.Redis) process.kill(pid, signal)
}

async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await createTemporaryFolder()
  try {
    return await work(join(folder.path, 'spool'))
  } finally {
    await folder.remove()
  }
}
