import { makeEvents, postFor } from '../load.ts'
import { type Contestant, ratio, sideBySide } from '../measure.ts'
import { peers } from '../peers/index.ts'
import { type Program, startOurs, startPeer } from '../programs.ts'
import type { Bench, Scenario } from '../scenario.ts'

const limit = 'bare Hono handler (the limit)'
const ours = 'ingest'
const onePerRequest = 'one add per request'

const warmUpSeconds = 3
const seconds = 4

/** How many deliveries are acknowledged a second, each durable first. */
export const ack: Scenario = {
  name: 'ack',
  async run(bench) {
    const { bodies } = makeEvents(60_000 * bench.scale, 'ack')

    function contestant(name: string, start: () => Promise<Program>): Contestant {
      return { name, measure: () => ackRate(bench, bodies, start) }
    }

    const { servers } = bench
    const measured = await sideBySide({
      ...bench,
      contestants: [
        contestant(limit, () => startPeer(peers.bareHandler.ingest, servers)),
        contestant(ours, () => startOurs('ingest', servers)),
        contestant(onePerRequest, () => startPeer(peers.tutorial.ingest, servers)),
      ],
    })
    return {
      title: 'Acknowledgements',
      method: `64 connections, ${seconds} s each; Redis with \`appendfsync always\`.`,
      tables: [{ unit: 'deliveries/s', measured, comparedWith: ours }],
      targets: [
        {
          what: 'ack against the bare handler',
          value: ratio(measured, ours, limit),
          unit: '×',
          limit: 0.4,
          aim: 0.6,
        },
        {
          what: 'ack against one add per request',
          value: ratio(measured, ours, onePerRequest),
          unit: '×',
          limit: 2.2,
          aim: 4,
        },
      ],
    }
  },
}

/** @returns how many deliveries a second a program acknowledges, once it is warm. */
export async function ackRate(
  { servers }: Bench,
  bodies: readonly Buffer[],
  start: () => Promise<Program>,
): Promise<number> {
  await servers.reset()
  const program = await start()
  try {
    await postFor(warmUpSeconds, program.webhookUrl, bodies)
    return await postFor(seconds, program.webhookUrl, bodies)
  } finally {
    await program.stop()
  }
}
