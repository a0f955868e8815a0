import type { LedgerEntry, Outcome, Reason } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { textArray, timestampArray, uuidArray } from './arrays.ts'
import { deliveryColumns } from './columns.ts'
import { copyInto } from './copy.ts'
import type { LedgerDelivery } from './ledger-selection.ts'

/** One row of the ledger. */
export interface LedgerRow {
  entry: LedgerEntry
  bodySha256: Buffer | null
  /** The session that the delivery is about; null when it is unknown. */
  sessionId: string | null
  source: 'webhook' | 'import'
  outcome: Outcome
  /** Empty unless the delivery is rejected. */
  reasons: Reason[]
}

/**
 * Finds the ids among these that the ledger has a row of already.
 *
 * The bounds let the planner leave out all other months. The OFFSET makes it look into the primary key once for each
 * id. Without it the planner would read everything between the bounds, because a partition that has just been filled
 * has no statistics yet.
 */
export async function selectRecordedIds(
  client: ClientBase,
  entries: readonly LedgerEntry[],
): Promise<Set<string>> {
  const receivedAtMs = entries.map((entry) => entry.receivedAtMs)
  const earliest = new Date(Math.min(...receivedAtMs)).toISOString()
  const latest = new Date(Math.max(...receivedAtMs)).toISOString()
  const { rows } = await client.query<{ delivery_id: string }>(
    `SELECT key.delivery_id
     FROM unnest($1::timestamptz[], $2::uuid[]) AS key (received_at, delivery_id)
     CROSS JOIN LATERAL (
       SELECT FROM vss.deliveries AS delivery
       WHERE delivery.received_at = key.received_at AND delivery.delivery_id = key.delivery_id
         AND delivery.received_at BETWEEN $3 AND $4
       OFFSET 0
     ) AS recorded`,
    [timestampArray(receivedAtMs), uuidArray(entries.map((entry) => entry.deliveryId)), earliest, latest],
  )
  return new Set(rows.map((row) => row.delivery_id))
}

const ledgerCopy = copyInto('vss.deliveries', deliveryColumns)

export const copyLedgerRowsStatement = ledgerCopy.text

/**
 * Inserts ledger rows. They must come in the order of their key, so that two transactions with deliveries in common
 * cannot wait for each other.
 *
 * @throws SQLSTATE 23505 when the ledger has one of them
 */
export async function insertLedgerRows(
  client: ClientBase,
  ledgerRows: readonly LedgerRow[],
  forAll: { processedAtMs: number; pipelineVersion: string },
): Promise<void> {
  await ledgerCopy.write(client, { entry: ledgerRows.map((row) => row.entry), row: ledgerRows }, forAll)
}

/** A ledger row with another outcome, or other reasons, than it has. */
export interface LedgerCorrection {
  recorded: LedgerDelivery
  sessionId: string | null
  outcome: Outcome
  reasons: Reason[]
}

/**
 * Gives ledger rows another outcome, and keeps the earlier one in their history. A row that has changed since it was read
 * stays as it is. The rows must come in the order of their key.
 *
 * @returns the number of rows that were corrected.
 */
export async function correctLedgerRows(
  client: ClientBase,
  corrections: readonly LedgerCorrection[],
  pipelineVersion: string,
): Promise<number> {
  const receivedAt = corrections.map(({ recorded }) => recorded.receivedAt)
  const { rowCount } = await client.query(
    `UPDATE vss.deliveries AS delivery SET
       session_id = corrected.session_id,
       outcome = corrected.outcome,
       reasons = corrected.reasons::jsonb,
       processed_at = now(),
       pipeline_version = $9,
       history = coalesce(delivery.history, '[]') || jsonb_build_object(
         'outcome', delivery.outcome, 'reasons', delivery.reasons,
         'pipeline_version', delivery.pipeline_version, 'processed_at', delivery.processed_at
       )
     FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[])
       AS corrected (received_at, delivery_id, old_outcome, old_reasons, session_id, outcome, reasons)
     WHERE delivery.received_at = corrected.received_at AND delivery.delivery_id = corrected.delivery_id
       AND delivery.received_at BETWEEN $8::timestamptz AND $10::timestamptz
       AND delivery.outcome = corrected.old_outcome AND delivery.reasons = corrected.old_reasons::jsonb`,
    [
      receivedAt,
      uuidArray(corrections.map(({ recorded }) => recorded.deliveryId)),
      textArray(corrections.map(({ recorded }) => recorded.outcome)),
      textArray(corrections.map(({ recorded }) => JSON.stringify(recorded.reasons))),
      uuidArray(corrections.map(({ sessionId }) => sessionId)),
      textArray(corrections.map(({ outcome }) => outcome)),
      textArray(corrections.map(({ reasons }) => JSON.stringify(reasons))),
      receivedAt[0],
      pipelineVersion,
      receivedAt.at(-1),
    ],
  )
  return rowCount ?? 0
}
