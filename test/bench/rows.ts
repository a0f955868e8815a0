import { setTimeout as wait } from 'node:timers/promises'
import type { Events } from './load/events.ts'
import type { BenchDatabase } from './servers.ts'

const shortestPollMs = 50
const longestPollMs = 1_000
const timeoutMs = 600_000

/** The table where rows are counted, and the count that it has when all events are stored. */
export interface Rows {
  database: BenchDatabase
  table: string
  expected(events: Events): number
}

/** Counts a row for each session, because the pipeline and its peers both have those. */
export function sessionRows(database: BenchDatabase, table = 'vss.sessions'): Rows {
  return { database, table, expected: ({ sessions }) => sessions }
}

/** Counts a row for each event in the ledger. Only the pipeline has it. It can be emptied while sessions stay. */
export function ledgerRows(database: BenchDatabase): Rows {
  return { database, table: 'vss.deliveries', expected: ({ bodies }) => bodies.length }
}

/**
 * Waits until all events are rows. Counts again after half of the time that the rest seems to take, because counting
 * slows the programs that are measured.
 *
 * @throws Error after ten minutes
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

/** The times at which the present rows became visible. */
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
