import { until } from '@vss-pipeline/local-stack'
import { bodyOfDelivery, type createPool } from '@vss-pipeline/storage'
import type { Outcome } from '@vss-pipeline/vss'
import { expect } from 'vitest'
import type { Acknowledged } from './load.ts'

type Pool = ReturnType<typeof createPool>

/**
 * Compares the database with the answers that the sender got. Every acknowledged id is in the ledger exactly once, and
 * rejected only if its event must be. Every session is there, and is as its newest delivery says.
 *
 * @param options.withinMs milliseconds that the pipeline may take until the ledger has every id.
 */
export async function expectAccountedFor(
  pool: Pool,
  acknowledged: readonly Acknowledged[],
  options: { withinMs: number },
): Promise<void> {
  const deliveryIds = acknowledged.map(({ deliveryId }) => deliveryId)
  const outcomes = await expectInLedgerOnce(pool, deliveryIds, options)

  expect(await findMiscounts(pool), 'minutes in which vss.minutes differs from the ledger').toEqual([])

  const misjudged = acknowledged.filter(({ deliveryId, event }) => {
    const isRejected = outcomes.get(deliveryId)?.[0] === 'rejected'
    return isRejected !== (event.expected.outcome === 'rejected')
  })
  expect(
    misjudged.map(({ event }) => event.kind),
    'kinds of events that were rejected or stored against expectation',
  ).toEqual([])

  const storable = acknowledged.filter(({ event }) => event.expected.outcome !== 'rejected')
  const sessionIds = [...new Set(storable.map(({ event }) => event.sessionId as string))]
  expect(await countSessions(pool, sessionIds), 'sessions that are there').toBe(sessionIds.length)
  // Postgres has no statistics of thousands of new rows yet. Without them the comparison takes minutes.
  await pool.query('ANALYZE vss.sessions, vss.deliveries')
  expect(await findOutdatedSessions(pool), 'sessions that differ from their newest delivery').toEqual([])
}

/**
 * Waits until every id is in the ledger, and expects each exactly once.
 *
 * @returns the outcomes by delivery id, one for each.
 */
export async function expectInLedgerOnce(
  pool: Pool,
  deliveryIds: string[],
  options: { withinMs: number },
): Promise<Map<string, Outcome[]>> {
  expect(new Set(deliveryIds).size, 'distinct delivery ids').toBe(deliveryIds.length)

  await until(
    `The ledger's account of ${deliveryIds.length} deliveries`,
    async () => (await countRecorded(pool, deliveryIds)) >= deliveryIds.length,
    { timeoutMs: options.withinMs },
  ).catch(() => undefined)

  const outcomes = await readOutcomes(pool, deliveryIds)
  const missing = deliveryIds.filter((deliveryId) => !outcomes.has(deliveryId))
  expect(missing, 'acknowledged, but not in the ledger').toEqual([])
  const repeated = [...outcomes].filter(([, found]) => found.length !== 1).map(([deliveryId]) => deliveryId)
  expect(repeated, 'in the ledger more than once').toEqual([])
  return outcomes
}

/** The minutes and outcomes that `vss.minutes` counts otherwise than the ledger. */
export async function findMiscounts(pool: Pool): Promise<object[]> {
  const { rows } = await pool.query(
    `SELECT minute, outcome, ledger.deliveries AS recorded, counted.deliveries AS counted
     FROM (
       SELECT date_trunc('minute', received_at, 'UTC') AS minute, outcome, count(*)::integer AS deliveries
       FROM vss.deliveries GROUP BY 1, 2
     ) AS ledger
     FULL JOIN (
       SELECT minute, outcome, sum(deliveries)::integer AS deliveries FROM vss.minutes GROUP BY 1, 2
     ) AS counted USING (minute, outcome)
     WHERE ledger.deliveries IS DISTINCT FROM counted.deliveries`,
  )
  return rows
}

/** The number of deliveries in the ledger. */
export async function countLedger(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('SELECT count(*)::int AS count FROM vss.deliveries')
  return rows[0]?.count ?? 0
}

/** The number of deliveries of each outcome in the ledger itself, of all months. */
export async function countLedgerByOutcome(pool: Pool): Promise<Record<Outcome, number>> {
  const { rows } = await pool.query<{ outcome: Outcome; count: number }>(
    'SELECT outcome, count(*)::int AS count FROM vss.deliveries GROUP BY outcome',
  )
  const counts: Record<Outcome, number> = { stored: 0, duplicate: 0, superseded: 0, rejected: 0 }
  for (const { outcome, count } of rows) counts[outcome] = count
  return counts
}

/** The number of deliveries that were rejected because workers died of them. */
export async function countKillers(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM vss.deliveries WHERE reasons @> '[{"code": "kills_worker"}]'`,
  )
  return rows[0]?.count ?? 0
}

/** A delivery's body as it was recorded. */
export async function readBody(pool: Pool, deliveryId: string): Promise<Buffer | null> {
  const { rows } = await pool.query<{ body: Buffer | null }>(
    `SELECT ${bodyOfDelivery()} AS body FROM vss.deliveries AS delivery WHERE delivery_id = $1`,
    [deliveryId],
  )
  if (rows.length !== 1) throw new Error(`the ledger has ${rows.length} rows of ${deliveryId}: expected 1`)
  return rows[0]!.body
}

async function countRecorded(pool: Pool, deliveryIds: string[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM vss.deliveries WHERE delivery_id = ANY ($1::uuid[])',
    [deliveryIds],
  )
  return rows[0]?.count ?? 0
}

async function readOutcomes(pool: Pool, deliveryIds: string[]): Promise<Map<string, Outcome[]>> {
  const { rows } = await pool.query<{ delivery_id: string; outcomes: Outcome[] }>(
    `SELECT delivery_id, array_agg(outcome) AS outcomes
     FROM vss.deliveries WHERE delivery_id = ANY ($1::uuid[]) GROUP BY delivery_id`,
    [deliveryIds],
  )
  return new Map(rows.map((row) => [row.delivery_id, row.outcomes]))
}

async function countSessions(pool: Pool, sessionIds: string[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM vss.sessions WHERE session_id = ANY ($1::uuid[])',
    [sessionIds],
  )
  return rows[0]?.count ?? 0
}

async function findOutdatedSessions(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ session_id: string }>(
    `SELECT session.session_id
     FROM vss.sessions AS session
     CROSS JOIN LATERAL (
       SELECT body_sha256, received_at, delivery_id FROM vss.deliveries AS delivery
       WHERE delivery.session_id = session.session_id AND outcome <> 'rejected'
       ORDER BY received_at DESC, delivery_id DESC LIMIT 1
     ) AS newest
     WHERE (session.body_sha256, session.received_at, session.delivery_id)
        IS DISTINCT FROM (newest.body_sha256, newest.received_at, newest.delivery_id)`,
  )
  return rows.map((row) => row.session_id)
}
