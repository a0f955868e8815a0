import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createTemporaryFolder } from '@vss-pipeline/local-stack'
import { makeEvents, postAtRate } from '../load.ts'
import { type Contestant, type Measured, median, ratio, samplesOf, sideBySide } from '../measure.ts'
import { startOurs } from '../programs.ts'
import type { Bench, Scenario } from '../scenario.ts'
import { ackRate } from './ack.ts'

const withSpool = 'ingest with a spool'
const without = 'ingest without one'

const ratePerSecond = 1_000
const outageSeconds = 8

/** What the spool costs while Redis is there, and how long an answer takes while it hangs. */
export const spool: Scenario = {
  name: 'spool',
  async run(bench) {
    const { bodies } = makeEvents(60_000 * bench.scale, 'spool')

    function contestant(name: string, settings: (folder: string) => NodeJS.ProcessEnv): Contestant {
      return {
        name,
        measure: () =>
          withFolder((folder) =>
            ackRate(bench, bodies, () => startOurs('ingest', bench.servers, settings(folder))),
          ),
      }
    }

    const healthy = await sideBySide({
      ...bench,
      // The difference is small, the noise is not.
      rounds: 3 * bench.rounds,
      contestants: [
        contestant(withSpool, (folder) => ({ SPOOL_DIR: folder })),
        contestant(without, () => ({ SPOOL_DIR: '' })),
      ],
    })
    const hanging = await measureOutage(bench, bodies)
    return {
      title: 'Spool',
      method: `Acknowledgements as above, with and without \`SPOOL_DIR\`. Then posted at ${ratePerSecond} a second while Redis takes connections and answers nothing, once ingest has noticed.`,
      tables: [
        { unit: 'deliveries/s', measured: healthy, comparedWith: without },
        { unit: 'ms', measured: hanging },
      ],
      targets: [
        {
          what: 'ack with a spool against without one',
          value: ratio(healthy, withSpool, without),
          unit: '×',
          limit: 0.97,
          aim: 1,
        },
        {
          what: `ack while Redis hangs, at ${ratePerSecond}/s, p99`,
          value: median(samplesOf(hanging, 'ack p99')),
          unit: 'ms',
          limit: 100,
          aim: 20,
          lowerIsBetter: true,
        },
      ],
    }
  },
}

async function measureOutage(bench: Bench, bodies: readonly Buffer[]): Promise<Measured[]> {
  const p50: Measured = { name: 'ack p50', samples: [] }
  const p99: Measured = { name: 'ack p99', samples: [] }
  const posted = bodies.slice(0, ratePerSecond * outageSeconds)
  for (let round = 0; round < bench.rounds; round++) {
    bench.onStep(`while Redis hangs, round ${round + 1} of ${bench.rounds}`)
    const redis = await startHangingRedis()
    await withFolder(async (folder) => {
      const servers = { ...bench.servers, redisUrl: redis.url }
      const ingest = await startOurs('ingest', servers, { SPOOL_DIR: folder })
      try {
        await postAtRate(ingest.webhookUrl, bodies.slice(0, 2 * ratePerSecond), ratePerSecond)
        const answers = await postAtRate(ingest.webhookUrl, posted, ratePerSecond)
        p50.samples.push(answers.p50)
        p99.samples.push(answers.p99)
      } finally {
        await ingest.stop()
      }
    })
    redis.stop()
  }
  return [p50, p99]
}

/** Takes connections and answers nothing, as a Redis does that was stopped in mid-work. */
async function startHangingRedis(): Promise<{ url: string; stop(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await createTemporaryFolder()
  try {
    return await work(join(folder.path, 'spool'))
  } finally {
    await folder.remove()
  }
}
