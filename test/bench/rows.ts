import { setTimeout as wait } from 'node:timers/promises'
import type { Events } from './load.ts'
import type { BenchServers } from './servers.ts'

const shortestPollMs = 100
const longestPollMs = 1_000
const timeoutMs = 600_000

/**
 * Where the rows of events are counted: for us in the ledger, which has one for each event; for peers, who have
 * none, in the sessions.
 */
export type Counted = 'vss.deliveries' | 'vss.sessions'

function expectedRows(counted: Counted, events: Events): number {
  return counted === 'vss.deliveries' ? events.bodies.length : events.sessions
}

/**
 * Waits until all events are rows. Looks again after half of the time that the rest seems to take: counting costs
 * the server what is being measured.
 *
 * @throws when there is no end within ten minutes.
 */
export async function allStored({ db }: BenchServers, counted: Counted, events: Events): Promise<void> {
  const expected = expectedRows(counted, events)
  const startedAt = performance.now()
  for (;;) {
    const { rows } = await db.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${counted}`)
    const { count } = rows[0]!
    if (count >= expected) return
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs > timeoutMs) throw new Error(`${count} of ${expected} rows were stored in ten minutes`)
    const restMs = (elapsedMs * (expected - count)) / Math.max(count, 1)
    await wait(Math.min(Math.max(restMs / 2, shortestPollMs), longestPollMs))
  }
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
