import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@vss-pipeline/local-stack'
import { repeatEvery } from '@vss-pipeline/runtime'
import {
  addUpMinutes,
  closePool,
  createPool,
  createWriter,
  inTransaction,
  letGo,
  type Pool,
  pruneMinutes,
} from '@vss-pipeline/storage'
import { expect, onTestFinished } from 'vitest'
import { delivery, session } from './entries.ts'
import { bodiesOf, dayStart, monthStart, partitionName } from './ledger-partitions.ts'

/** Rows that are older are let go of. Nothing that a test posts is. */
export const keptDays = 30

/** Retention that goes on while a test posts, and things fail. */
export interface RetentionRun {
  /** The planted sessions, which the change feed tells of and then are gone. */
  readonly sessionIds: ReadonlySet<string>
  /** The longest time for which a flush was seen to wait behind a drop. */
  longestWaitMs(): number
  /**
   * Ends it, and expects that everything old has gone, at least some of it as whole partitions, and that no flush waited
   * for 3 s behind a drop. It may be called again.
   */
  end(): Promise<void>
}

const roundMs = 500
const sampleMs = 100
/** A drop waits for 0.5 s at most, and a flush behind it. */
const mostWaitMs = 3_000

/**
 * Plants old rows in partitions of their own and in the default ones, and lets go of them as a worker does, again and again
 * without the worker's rest of a minute. Errors are passed over, because the test breaks Postgres.
 */
export function startRetentionRun(databaseUrl: string): RetentionRun {
  const pool = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-test-retention' })
  const stop = new AbortController()
  const sessionIds = new Set<string>()
  const waits = sampleWaits(databaseUrl)
  let dropped = 0
  let ending: Promise<void> | undefined

  async function run(): Promise<void> {
    for (let round = 0; !stop.signal.aborted; round++) {
      await plant(pool, round, sessionIds).catch(() => {})
      dropped += await letGoNow(pool).catch(() => 0)
      await pause(roundMs)
    }
  }
  const running = run()

  async function end(): Promise<void> {
    stop.abort()
    await running
    await until(
      'The end of all old rows',
      async () => {
        dropped += await letGoNow(pool).catch(() => 0)
        return (await countOld(pool).catch(() => undefined)) === 0
      },
      { timeoutMs: 30_000, pollMs: 500 },
    )
    // The counts of the planted deliveries would differ from a ledger without them.
    await addUpMinutes(pool)
    await pruneMinutes(pool)
    expect(dropped, 'old partitions that were dropped').toBeGreaterThan(0)
    expect(waits.longestMs(), 'milliseconds that a flush waited behind a drop').toBeLessThan(mostWaitMs)
    console.log(
      `retention meanwhile: ${dropped} partitions dropped, ${sessionIds.size} sessions let go of, the longest wait of a flush behind a drop ${Math.round(waits.longestMs())} ms`,
    )
  }

  onTestFinished(async () => {
    stop.abort()
    await running
    await closePool(pool)
  })
  return {
    sessionIds,
    longestWaitMs: waits.longestMs,
    end() {
      ending ??= end()
      return ending
    },
  }
}

/** Two deliveries, one of them in partitions of its own. The days and months of the rounds differ. */
async function plant(pool: Pool, round: number, sessionIds: Set<string>): Promise<void> {
  const day = -100 - (round % 300)
  const month = -20 - (round % 100)
  const own = [
    ['bodies', bodiesOf(day), dayStart(day), dayStart(day + 1)],
    ['deliveries', partitionName(month), monthStart(month), monthStart(month + 1)],
  ]
  await inTransaction(pool, async (client) => {
    // Only the drop may make a flush wait.
    await client.query(`SET LOCAL lock_timeout = '50ms'`)
    for (const partition of own) await client.query('SELECT vss.make_partition($1, $2, $3, $4)', partition)
  })
  const entries = [dayStart(day), monthStart(month)].map((start) =>
    delivery(session(), { receivedAtMs: start.getTime() + 3_600_000 + round }),
  )
  for (const { verdict } of entries) if (verdict.kind === 'session') sessionIds.add(verdict.session.sessionId)
  await createWriter({ pool, pipelineVersion: 'planted' }).write(entries)
}

/** Begins anew without the rest of a minute, and of a day for rows that came late. @returns the number of partitions that went. */
async function letGoNow(pool: Pool): Promise<number> {
  await pool.query(`UPDATE vss.retention SET tried_at = NULL, swept_until = '-infinity'`)
  const { dropped } = await letGo(pool, { bodies: keptDays, deliveries: keptDays, sessions: keptDays })
  return dropped.length
}

async function countOld(pool: Pool): Promise<number> {
  const old = `received_at < now() - interval '${keptDays + 1} days'`
  const { rows } = await pool.query<{ count: number }>(
    `SELECT ((SELECT count(*) FROM vss.sessions WHERE ${old}) + (SELECT count(*) FROM vss.bodies WHERE ${old})
       + (SELECT count(*) FROM vss.deliveries WHERE ${old}))::integer AS count`,
  )
  return rows[0]!.count
}

/** Looks ten times a second for flushes that wait behind a drop, for as long as the test runs. */
function sampleWaits(databaseUrl: string): { longestMs(): number } {
  const pool = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-test-waits' })
  let sinceMs = new Map<number, number>()
  let lastLookMs = 0
  let longestMs = 0

  async function look(): Promise<void> {
    const { rows } = await pool.query<{ pid: number }>(
      `SELECT DISTINCT waiting.pid
       FROM pg_stat_activity AS waiting
       CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker (pid)
       JOIN pg_stat_activity AS holder ON holder.pid = blocker.pid
       WHERE waiting.application_name = 'vss-worker' AND waiting.wait_event_type = 'Lock'
         AND waiting.query NOT LIKE '%vss.drop_expired_partitions%'
         AND holder.state = 'active' AND holder.query LIKE '%vss.drop_expired_partitions%'`,
    )
    const nowMs = performance.now()
    // While Postgres is frozen or away, nobody waits for a drop.
    const known = nowMs - lastLookMs > 1_000 ? new Map<number, number>() : sinceMs
    sinceMs = new Map(rows.map(({ pid }) => [pid, known.get(pid) ?? nowMs]))
    for (const since of sinceMs.values()) longestMs = Math.max(longestMs, nowMs - since)
    lastLookMs = nowMs
  }

  const stop = repeatEvery(sampleMs, () => look().catch(() => {}))
  onTestFinished(async () => {
    stop()
    await closePool(pool)
  })
  return { longestMs: () => longestMs }
}
