import type { Outcome } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { integerArray, textArray, timestampArray } from './arrays.ts'
import { toStorageFault } from './errors.ts'
import type { LedgerRow } from './ledger.ts'
import type { Pool } from './pool.ts'
import { inTransaction } from './transaction.ts'

/** A change of `vss.minutes`. */
export interface Tally {
  /** The minute of receipt, in milliseconds since the Unix epoch. */
  minuteMs: number
  /** Empty for rejected deliveries. */
  subAccountId: string
  outcome: Outcome
  source: LedgerRow['source']
  /** How many deliveries more; less than 0 takes deliveries away, where an outcome is corrected. */
  deliveries: number
}

const minuteMs = 60_000

/** `vss.minutes` keeps its counts for so many days. */
export const countedDays = 35

/**
 * Counts ledger rows by minute of receipt, sub-account, outcome and source.
 *
 * The minute is that of receipt: after an outage it tells when deliveries came, and not when they were processed.
 */
export function talliesOf(rows: readonly LedgerRow[]): Tally[] {
  const tallies = new Map<string, Tally>()
  for (const { entry, outcome, source } of rows) {
    const minute = minuteOf(entry.receivedAtMs)
    const subAccountId = entry.verdict.kind === 'session' ? entry.verdict.session.subAccountId : ''
    const key = `${minute} ${outcome} ${source} ${subAccountId}`
    const tally = tallies.get(key)
    if (tally === undefined)
      tallies.set(key, { minuteMs: minute, subAccountId, outcome, source, deliveries: 1 })
    else tally.deliveries++
  }
  return [...tallies.values()]
}

/** @returns the beginning of the minute. */
export function minuteOf(epochMs: number): number {
  return Math.floor(epochMs / minuteMs) * minuteMs
}

/**
 * Changes `vss.minutes` where rows of the ledger have changed. Minutes whose counts have been removed are left out: they
 * would count less than 0.
 */
export async function correctTallies(client: ClientBase, tallies: readonly Tally[]): Promise<void> {
  const oldestMs = Date.now() - countedDays * 86_400_000
  await insertTallies(
    client,
    tallies.filter((tally) => tally.minuteMs >= oldestMs),
  )
}

/** Changes `vss.minutes`, in the transaction that changes the ledger. It waits for nobody. */
export async function insertTallies(client: ClientBase, tallies: readonly Tally[]): Promise<void> {
  if (tallies.length === 0) return
  await client.query(
    `INSERT INTO vss.minute_tallies (minute, sub_account_id, outcome, source, deliveries)
     SELECT minute, sub_account_id, outcome, source, deliveries
     FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::integer[])
       AS new (minute, sub_account_id, outcome, source, deliveries)`,
    [
      timestampArray(tallies.map((tally) => tally.minuteMs)),
      textArray(tallies.map((tally) => tally.subAccountId)),
      textArray(tallies.map((tally) => tally.outcome)),
      textArray(tallies.map((tally) => tally.source)),
      integerArray(tallies.map((tally) => tally.deliveries)),
    ],
  )
}

/** A transaction holds up the change feed while it lasts: these rows take a fraction of a second. */
const tallyRows = 20_000
const prunedRows = 10_000

/**
 * Adds up the tallies of `vss.minutes`, and with them the hours of `vss.sub_account_activity`. Any number of processes
 * may call it, every few seconds: one does the work, and the others return at once.
 *
 * @throws StorageFault
 */
export async function addUpMinutes(pool: Pool): Promise<void> {
  await callUntilLess(pool, 'SELECT vss.add_up_minutes($1) AS rows', tallyRows)
}

/**
 * Removes what is older than {@link countedDays} days from `vss.minutes` and `vss.sub_account_activity`.
 *
 * @throws StorageFault
 */
export async function pruneMinutes(pool: Pool): Promise<void> {
  await callUntilLess(pool, 'SELECT vss.prune_minutes($1) AS rows', prunedRows)
}

/** Calls a function that handles so many rows at most, until it handles fewer. */
async function callUntilLess(pool: Pool, statement: string, maxRows: number): Promise<void> {
  try {
    let handled: number
    do {
      const { rows } = await inTransaction(pool, (client) =>
        client.query<{ rows: number }>(statement, [maxRows]),
      )
      handled = rows[0]!.rows
    } while (handled >= maxRows)
  } catch (error) {
    throw toStorageFault(error)
  }
}
