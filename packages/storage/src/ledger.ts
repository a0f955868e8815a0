import { type LedgerEntry, type Outcome, reasonsOf, sessionIdOf } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { byteArray, textArray, timestampArray, uuidArray } from './arrays.ts'

/** One row of the ledger. */
export interface LedgerRow {
  entry: LedgerEntry
  bodySha256: Buffer | null
  outcome: Outcome
}

/**
 * The ids among these that the ledger has a row of already.
 *
 * The bounds let the planner leave out all other months. The OFFSET keeps it to one look into the primary key
 * for each id: given the choice it would, on the statistics of a partition that has just been filled, read
 * everything between the bounds.
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

/**
 * Inserts the ledger rows that are not there yet. The rows must come in the order of their key, so that two
 * transactions with deliveries in common cannot wait for each other.
 *
 * @returns the delivery ids of the rows that were inserted.
 */
export async function insertLedgerRows(
  client: ClientBase,
  ledgerRows: readonly LedgerRow[],
  pipelineVersion: string,
): Promise<Set<string>> {
  const entries = ledgerRows.map((row) => row.entry)
  const { rows } = await client.query<{ delivery_id: string }>(
    `INSERT INTO vss.deliveries (
       delivery_id, received_at, source_ip, body, body_sha256, session_id, outcome, reasons, processed_at, pipeline_version
     )
     SELECT
       delivery_id, received_at, source_ip::inet, body, body_sha256, session_id, outcome, reasons::jsonb, now(), $9
     FROM unnest(
       $1::uuid[], $2::timestamptz[], $3::text[], $4::bytea[], $5::bytea[], $6::uuid[], $7::text[], $8::text[]
     ) AS new (delivery_id, received_at, source_ip, body, body_sha256, session_id, outcome, reasons)
     ON CONFLICT (received_at, delivery_id) DO NOTHING
     RETURNING delivery_id`,
    [
      uuidArray(entries.map((entry) => entry.deliveryId)),
      timestampArray(entries.map((entry) => entry.receivedAtMs)),
      textArray(entries.map((entry) => entry.sourceIp)),
      byteArray(entries.map((entry) => entry.body)),
      byteArray(ledgerRows.map((row) => row.bodySha256)),
      uuidArray(entries.map((entry) => sessionIdOf(entry))),
      textArray(ledgerRows.map((row) => row.outcome)),
      textArray(entries.map((entry) => JSON.stringify(reasonsOf(entry)))),
      pipelineVersion,
    ],
  )
  return new Set(rows.map((row) => row.delivery_id))
}
