import { setTimeout as wait } from 'node:timers/promises'
import type { Events } from './load/events.ts'
import type { BenchDatabase } from './servers.ts'

const shortestPollMs = 50
const longestPollMs = 1_000
const timeoutMs = 600_000

/** Where rows are counted, and how many there are when all of some events have become rows. */
export interface Rows {
  database: BenchDatabase
  table: string
  expected(events: Events): number
}

/** One for each session: what the pipeline and its peers have in common. */
export function sessionRows(database: BenchDatabase, table = 'vss.sessions'): Rows {
  return { database, table, expected: ({ sessions }) => sessions }
}

/** One for each event: the pipeline alone has it, and it can be emptied beside sessions that stay. */
export function ledgerRows(database: BenchDatabase): Rows {
  return { database, table: 'vss.deliveries', expected: ({ bodies }) => bodies.length }
}

/**
 * Waits until all events are rows. Looks again after half of the time that the
 * rest seems to take: counting takes time from what is being measured.
 *
 * @throws when there is no end within ten minutes.
 */
export async function allStored({ database, table, expected }: Rows, events: Events): Promise<void> {
  const wanted = expected(events)
  const startedAt = performance.now()
  for (;;) {
    const { rows } = await database.db.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)
    const { count } = rows[0]!
    if (count >= wanted) return
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs > timeoutMs) throw new Error(`${count} of ${wanted} rows were stored in ten minutes`)
    const restMs = (elapsedMs * (wanted - count)) / Math.max(count, 1)
    await wait(Math.min(Math.max(restMs / 2, shortestPollMs), longestPollMs))
  }
}

/** When the rows that stand became visible. */
export interface Commits {
  /** Milliseconds since the epoch. */
  firstMs: number
  lastMs: number
  /** The share of the rows that came after the first transaction. */
  shareAfterFirst: number
}

export async function readCommits({ database, table }: Rows): Promise<Commits> {
  const { rows } = await database.db.query<Commits>(
    `WITH commits AS (SELECT pg_xact_commit_timestamp(xmin) AS at FROM ${table}),
       bounds AS (SELECT min(at) AS first, max(at) AS last FROM commits)
     SELECT
       (extract(epoch FROM first) * 1000)::float8 AS "firstMs",
       (extract(epoch FROM last) * 1000)::float8 AS "lastMs",
       (SELECT (count(*) FILTER (WHERE at > first))::float8 / count(*) FROM commits) AS "shareAfterFirst"
     FROM bounds`,
  )
  return rows[0]!
}
