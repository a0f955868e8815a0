import { ourPipeline } from '../contestant.ts'
import { type Events, makeEvents } from '../load/events.ts'
import { postAll } from '../load/load-generator.ts'
import { type Measured, type Measurement, sideBySide } from '../measure.ts'
import { bullmqJobAnEvent } from '../peers/index.ts'
import { type Program, startOurs, startPeer } from '../programs.ts'
import { usedBytesPer } from '../redis-memory.ts'
import { ledgerRows } from '../rows.ts'
import type { Bench, Scenario } from '../scenario.ts'
import type { BenchServers } from '../servers.ts'
import { endToEnd } from '../slices.ts'
import { sizesOf } from '../storage.ts'

/** The space of an event: in Redis while it waits, in Postgres for good. */
export const footprint: Scenario = {
  name: 'footprint',
  async run(bench) {
    const { servers, scale } = bench
    const events = makeEvents(20_000 * scale, 'footprint')
    const peer = oneJobEach(bench, events)
    const measured = await sideBySide({
      ...bench,
      contestants: [
        peer,
        {
          name: 'this pipeline',
          measure: () => queuedBytes(servers, events, () => startOurs('ingest', servers)),
        },
      ],
    })
    await storeAll(servers, events)
    return [
      {
        title: 'Footprint',
        method:
          'Redis: a backlog that 64 connections have posted. Postgres: the same events once they are stored.',
        tables: [
          { unit: 'Redis bytes/event', measured, comparedWith: peer.name },
          { unit: 'Postgres bytes/event', measured: await bytesByRelation(servers, events.bodies.length) },
        ],
      },
    ]
  },
}

/** Measures the space of BullMQ with a job an event. */
export function oneJobEach({ servers }: Bench, events: Events): Measurement {
  const { name, ingest } = bullmqJobAnEvent
  return { name, measure: () => queuedBytes(servers, events, () => startPeer(ingest, servers)) }
}

async function queuedBytes(
  servers: BenchServers,
  { bodies }: Events,
  startIngest: () => Promise<Program>,
): Promise<number> {
  await servers.reset()
  const ingest = await startIngest()
  const bytes = await usedBytesPer(servers.redis, bodies.length, () => postAll(ingest.webhookUrl, bodies))
  await ingest.stop()
  return bytes
}

async function storeAll(servers: BenchServers, events: Events): Promise<void> {
  await servers.reset()
  const running = await ourPipeline({ rowsIn: ledgerRows }).start(servers)
  await endToEnd(servers, running, events)
  await running.stop()
}

async function bytesByRelation(servers: BenchServers, events: number): Promise<Measured[]> {
  return [...(await sizesOf(servers))].map(([name, bytes]) => ({ name, samples: [bytes / events] }))
}
