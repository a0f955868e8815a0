import { makeEvents, postAll } from '../load.ts'
import { type Measured, ratio, sideBySide } from '../measure.ts'
import { startOurs } from '../programs.ts'
import { usedBytesPer } from '../redis-memory.ts'
import type { Scenario } from '../scenario.ts'
import type { BenchServers } from '../servers.ts'
import { drainQueue } from './drain.ts'
import { oneJobEach } from './quiet-backlog.ts'

const ours = 'ingest'

/** What an event takes: in Redis while it waits, in Postgres for good. */
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
          name: ours,
          async measure() {
            await servers.reset()
            const ingest = await startOurs('ingest', servers)
            const bytes = await usedBytesPer(servers.redis, events.bodies.length, () =>
              postAll(ingest.webhookUrl, events.bodies),
            )
            await ingest.stop()
            return bytes
          },
        },
      ],
    })
    // What the last round left in the queue.
    await drainQueue(bench, events)
    return {
      title: 'Footprint',
      method:
        'Redis: a backlog as it is left by 64 connections. Postgres: the same events once they are stored.',
      tables: [
        { unit: 'Redis bytes/event', measured, comparedWith: peer.name },
        { unit: 'Postgres bytes/event', measured: await bytesByRelation(servers, events.bodies.length) },
      ],
      targets: [
        {
          what: 'Redis bytes per queued event under load against one job an event',
          value: ratio(measured, ours, peer.name),
          unit: '×',
          limit: 1 / 6,
          aim: 1 / 10,
          lowerIsBetter: true,
        },
      ],
    }
  },
}

async function bytesByRelation({ db }: BenchServers, events: number): Promise<Measured[]> {
  const { rows } = await db.query<{ name: string; bytes: number }>(
    // The ledger's partitions, and their indexes, count as one.
    `SELECT root.relname AS name, sum(pg_relation_size(part.oid))::float8 AS bytes
     FROM pg_class AS part JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(part.oid), part.oid)
     WHERE part.relnamespace = 'vss'::regnamespace AND root.relname ~ '^(sessions|call_legs|deliveries)'
     GROUP BY root.relname ORDER BY bytes DESC`,
  )
  return rows.map(({ name, bytes }) => ({ name, samples: [bytes / events] }))
}
