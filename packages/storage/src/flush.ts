import { hash } from 'node:crypto'
import { type LedgerEntry, type Outcome, reasonsOf, sessionIdOf } from '@vss-pipeline/vss/vocabulary'
import type { ClientBase } from 'pg'
import { insertBodies, insertMissingBodies } from './bodies.ts'
import { insertLedgerRows, type LedgerRow, selectRecordedIds } from './ledger.ts'
import { insertTallies, talliesOf } from './minutes.ts'
import { byLedgerKey, writeSessions } from './session-versions.ts'
import type { SessionVersion } from './sessions.ts'

/**
 * Writes entries of distinct delivery ids in the caller's transaction, and tells the outcome of each.
 *
 * These are separate statements on purpose. Under READ COMMITTED each of them sees all that other transactions
 * committed before it began. So every statement after `lockSessions` sees the locked rows as they are. A single
 * statement with CTEs would compare, and delete legs, by a snapshot from before it waited for the locks.
 *
 * Hardly ever is a delivery in the ledger already, or a body there without its ledger row. So nothing is asked about it
 * at first: then a key is taken, and the flush throws SQLSTATE 23505. Repeated in another transaction, it leaves out what
 * is there. Also another transaction that records one of the deliveries meanwhile ends like this.
 *
 * @param options.beganAt when the transaction began, by the server's clock
 * @returns the ledger rows that were inserted: all but those of deliveries that were in the ledger already.
 */
export async function flush(
  client: ClientBase,
  entries: readonly LedgerEntry[],
  options: { pipelineVersion: string; beganAt: Date; isRepeated: boolean },
): Promise<LedgerRow[]> {
  const { pipelineVersion, beganAt, isRepeated } = options
  const recordedIds = isRepeated ? await selectRecordedIds(client, entries) : new Set()
  const fresh = entries.filter((entry) => !recordedIds.has(entry.deliveryId)).sort(byLedgerKey)
  if (fresh.length === 0) return []

  const rows = fresh.map((entry) => ({ entry, bodySha256: sha256(entry.body) }))
  const versions = { told: rows.flatMap(sessionVersion), again: [] }
  const { outcomes } = await writeSessions(client, versions, pipelineVersion)
  const ledgerRows = rows.map((row) => ({
    ...row,
    sessionId: sessionIdOf(row.entry),
    source: row.entry.context?.source ?? ('webhook' as const),
    outcome: ledgerOutcome(row.entry, outcomes),
    reasons: reasonsOf(row.entry),
  }))

  await insertLedgerRows(client, ledgerRows, { processedAtMs: beganAt.getTime(), pipelineVersion })
  const writeBodies = isRepeated ? insertMissingBodies : insertBodies
  await writeBodies(client, fresh)
  await insertTallies(client, talliesOf(ledgerRows))
  return ledgerRows
}

function ledgerOutcome({ deliveryId, verdict }: LedgerEntry, ofSessions: Map<string, Outcome>): Outcome {
  if (verdict.kind === 'rejected') return 'rejected'
  const outcome = ofSessions.get(deliveryId)
  if (outcome === undefined) throw new Error(`a flush has no outcome of delivery ${deliveryId}`)
  return outcome
}

/** The version that a delivery tells; none where it is rejected. */
export function sessionVersion({
  entry,
  bodySha256,
}: Pick<LedgerRow, 'entry' | 'bodySha256'>): SessionVersion[] {
  const { deliveryId, receivedAtMs, verdict } = entry
  return verdict.kind === 'session'
    ? [{ deliveryId, receivedAtMs, bodySha256, session: verdict.session }]
    : []
}

export function sha256(body: Uint8Array | null): Buffer | null {
  return body === null ? null : hash('sha256', body, 'buffer')
}
