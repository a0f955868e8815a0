import { copyStoredRows } from '../copy.ts'
import { type Events, makeEvents, postAll } from '../load.ts'
import { type Contestant, ratio, sideBySide } from '../measure.ts'
import { peers, type QueuePeer } from '../peers/index.ts'
import { startOurs, startPeer } from '../programs.ts'
import { allStored, drainRate } from '../rows.ts'
import type { Bench, Scenario } from '../scenario.ts'

const limit = 'COPY of the same rows (the limit)'
const ours = 'one worker'

/** A backlog becomes rows. */
export const drain: Scenario = {
  name: 'drain',
  async run(bench) {
    const many = makeEvents(60_000 * bench.scale, 'drain')
    const some = makeEvents(12_000 * bench.scale, 'drain')
    const queuePeers = [peers.tutorial, peers.pgBoss, peers.graphile]

    const measured = await sideBySide({
      ...bench,
      contestants: [
        // COPY writes again what the worker has just written.
        { name: ours, measure: () => drainOurs(bench, many) },
        { name: limit, measure: () => copyStoredRows(bench.servers.databaseUrl, 'text') },
        { name: 'COPY in binary', measure: () => copyStoredRows(bench.servers.databaseUrl, 'binary') },
        ...queuePeers.map((peer) => drainPeer(bench, peer, some)),
      ],
    })
    return {
      title: 'Drain',
      method:
        'A backlog that was enqueued before, worked off by one worker process; counted from the first committed row to the last. COPY: one connection, one COPY a table, all in one transaction; text is its default format.',
      tables: [{ unit: 'events/s', measured, comparedWith: ours }],
      targets: [
        { what: 'drain against COPY', value: ratio(measured, ours, limit), unit: '×', limit: 0.45, aim: 0.6 },
        {
          what: `drain against ${peers.tutorial.name}`,
          value: ratio(measured, ours, peers.tutorial.name),
          unit: '×',
          limit: 6,
          aim: 12,
        },
      ],
    }
  },
}

/** Enqueues events through ingest as they would come, then has workers store them. @returns events a second. */
export async function drainOurs(
  bench: Bench,
  events: Events,
  options: { workers?: number } = {},
): Promise<number> {
  await bench.servers.reset()
  await enqueueOurs(bench, events)
  return await drainQueue(bench, events, options)
}

/** Has workers store what was enqueued. @returns events a second. */
export async function drainQueue(
  { servers }: Bench,
  events: Events,
  { workers: count = 1 }: { workers?: number } = {},
): Promise<number> {
  const workers = await Promise.all(Array.from({ length: count }, () => startOurs('worker', servers)))
  try {
    await allStored(servers, 'vss.deliveries', events)
    return await drainRate(servers, 'vss.deliveries', events)
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
  }
}

/** Leaves a backlog as ingest makes it under load. */
export async function enqueueOurs({ servers }: Bench, { bodies }: Events): Promise<void> {
  const ingest = await startOurs('ingest', servers)
  await postAll(ingest.webhookUrl, bodies)
  await ingest.stop()
  await servers.db.query('CHECKPOINT')
}

function drainPeer({ servers }: Bench, peer: QueuePeer, events: Events): Contestant {
  return {
    name: peer.name,
    async measure() {
      await servers.reset()
      await peer.fill(servers, events.bodies)
      const worker = await startPeer(peer.worker, servers)
      try {
        await allStored(servers, 'vss.sessions', events)
        return await drainRate(servers, 'vss.sessions', events)
      } finally {
        await worker.stop()
      }
    },
  }
}
