import { until } from '@vss-pipeline/local-stack'
import type { Events } from './load.ts'
import type { BenchServers } from './servers.ts'

const pollMs = 100
const timeoutMs = 600_000

/**
 * Where the rows of events are counted: for us in the ledger, which has one for each event; for peers, who have
 * none, in the sessions.
 */
export type Counted = 'vss.deliveries' | 'vss.sessions'

function expectedRows(counted: Counted, events: Events): number {
  return counted === 'vss.deliveries' ? events.bodies.length : events.sessions
}

/** Waits until all events are rows. @throws when that takes longer than ten minutes. */
export async function allStored({ db }: BenchServers, counted: Counted, events: Events): Promise<void> {
  const count = expectedRows(counted, events)
  await until(
    `The storing of ${events.bodies.length} events`,
    async () => {
      const { rows } = await db.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${counted}`)
      return rows[0]!.count >= count
    },
    { timeoutMs, pollMs },
  )
}

/** When the last row became visible, milliseconds since the epoch. */
export async function lastCommitMs(servers: BenchServers, counted: Counted): Promise<number> {
  return (await readCommits(servers, counted)).lastMs
}

/** Events a second while a backlog is worked off: those after the first transaction, in the time from then on. */
export async function drainRate(servers: BenchServers, counted: Counted, events: Events): Promise<number> {
  const { firstMs, lastMs, afterFirst } = await readCommits(servers, counted)
  const share = afterFirst / expectedRows(counted, events)
  return (events.bodies.length * share * 1000) / (lastMs - firstMs)
}

async function readCommits(
  { db }: BenchServers,
  counted: Counted,
): Promise<{ firstMs: number; lastMs: number; afterFirst: number }> {
  const { rows } = await db.query(
    `WITH commits AS (SELECT pg_xact_commit_timestamp(xmin) AS at FROM ${counted}),
       bounds AS (SELECT min(at) AS first, max(at) AS last FROM commits)
     SELECT
       (extract(epoch FROM first) * 1000)::float8 AS "firstMs",
       (extract(epoch FROM last) * 1000)::float8 AS "lastMs",
       (SELECT count(*)::int FROM commits WHERE at > first) AS "afterFirst"
     FROM bounds`,
  )
  return rows[0]
}
