import { isDeliveryId, receivedAtMsOf } from '@vss-pipeline/delivery'
import type { Outcome, Reason } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { selectBodies } from './bodies.ts'

/** A delivery as the ledger has it. */
export interface LedgerDelivery extends LedgerPlace {
  receivedAtMs: number
  sourceIp: string | null
  /** Null when the batch that it travelled in could not be decoded, or retention has let it go. */
  body: Buffer | null
  bodySha256: Buffer | null
  sessionId: string | null
  source: 'webhook' | 'import'
  outcome: Outcome
  reasons: Reason[]
}

/** Deliveries of the ledger: those to which every given member applies. */
export interface LedgerSelection {
  /** Received then or later. */
  readonly since?: Date
  /** Received before. */
  readonly until: Date
  /** Any of these. */
  readonly outcomes?: readonly Outcome[]
  /** The code of one of its reasons. */
  readonly reason?: string
  /** The code and the path of its first reason, by which `vss rejected` and the console group. */
  readonly firstReason?: { readonly code: string; readonly path: string }
  /** A code that no reason of it has. */
  readonly withoutReason?: string
  /** A code that is among the anomalies of its session. */
  readonly anomaly?: string
  readonly sessionId?: string
  readonly deliveryId?: string
  /** The release that judged it last. */
  readonly writtenBy?: string
}

/** A place between two deliveries, in the order of receipt. */
export interface LedgerPlace {
  /** ISO 8601 with microseconds: a row that was brought in by hand may have them. */
  readonly receivedAt: string
  readonly deliveryId: string
}

/**
 * Reads a page of the selected deliveries with their bodies, the first received first. It leaves out deliveries that
 * were received before retention keeps ledger and sessions.
 */
export async function selectLedger(
  client: ClientBase,
  options: { selection: LedgerSelection; after: LedgerPlace | null; limit: number },
): Promise<LedgerDelivery[]> {
  const { text, values } = selectLedgerStatement(options)
  const { rows } = await client.query<LedgerRowAsRead>(text, values)
  // By a statement of its own, because the times of the page are its bounds.
  const bodies = await selectBodies(
    client,
    rows.map((row) => ({ receivedAt: row.received_at, deliveryId: row.delivery_id })),
  )
  return rows.map((row, index) => ({
    deliveryId: row.delivery_id,
    receivedAt: row.received_at,
    receivedAtMs: Date.parse(row.received_at),
    sourceIp: row.source_ip,
    // A release before vss.bodies has kept it in the row itself.
    body: row.body ?? bodies[index]!,
    bodySha256: row.body_sha256,
    sessionId: row.session_id,
    source: row.source,
    outcome: row.outcome,
    reasons: row.reasons,
  }))
}

interface LedgerRowAsRead {
  delivery_id: string
  received_at: string
  source_ip: string | null
  body: Buffer | null
  body_sha256: Buffer | null
  session_id: string | null
  source: 'webhook' | 'import'
  outcome: Outcome
  reasons: Reason[]
}

/** The statement of {@link selectLedger}, with the values of its parameters. */
export function selectLedgerStatement({
  selection,
  after,
  limit,
}: {
  selection: LedgerSelection
  after: LedgerPlace | null
  limit: number
}): { text: string; values: unknown[] } {
  const { since, until, outcomes, reason, firstReason, withoutReason, anomaly } = selection
  const { sessionId, deliveryId, writtenBy } = selection
  const values: unknown[] = []
  const given = (value: unknown) => `$${values.push(value)}`
  const time = (value: Date) => `${given(value.toISOString())}::timestamptz`
  const withCode = (code: string) => `reasons @> ${given(JSON.stringify([{ code }]))}::jsonb`
  // Nothing is made again that retention has let go of.
  const conditions = [`received_at < ${time(until)}`, `received_at >= ${keptFrom}`]
  if (since) conditions.push(`received_at >= ${time(since)}`)
  if (after) {
    const receivedAt = `${given(after.receivedAt)}::timestamptz`
    // The first condition leaves out earlier months.
    conditions.push(
      `received_at >= ${receivedAt}`,
      `(received_at, delivery_id) > (${receivedAt}, ${given(after.deliveryId)}::uuid)`,
    )
  }
  if (outcomes) {
    // One by one, because the index of the rejected answers a single outcome.
    conditions.push(`(${outcomes.map((outcome) => `outcome = ${literal(outcome)}`).join(' OR ')})`)
  }
  if (reason !== undefined) conditions.push(`outcome = 'rejected'`, withCode(reason))
  if (firstReason !== undefined) {
    const { code, path } = firstReason
    conditions.push(
      `outcome = 'rejected'`,
      `reasons->0->>'code' = ${given(code)}`,
      `reasons->0->>'path' = ${given(path)}`,
    )
  }
  if (withoutReason !== undefined) conditions.push(`NOT ${withCode(withoutReason)}`)
  if (anomaly !== undefined) {
    conditions.push(
      `EXISTS (SELECT FROM vss.sessions WHERE sessions.session_id = delivery.session_id AND anomalies @> ARRAY[${given(anomaly)}] OFFSET 0)`,
    )
  }
  if (sessionId !== undefined) conditions.push(`session_id = ${given(sessionId)}::uuid`)
  if (deliveryId !== undefined) {
    conditions.push(`delivery_id = ${given(deliveryId)}::uuid`)
    // The key of the ledger begins with the time, which the id has too. Without it the whole ledger would be read.
    if (isDeliveryId(deliveryId)) {
      conditions.push(
        `received_at = to_timestamp(${given(receivedAtMsOf(deliveryId))}::double precision / 1000)`,
      )
    }
  }
  if (writtenBy !== undefined) conditions.push(`pipeline_version = ${given(writtenBy)}`)
  const text = `SELECT
  delivery_id, to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS received_at,
  host(source_ip) AS source_ip, body, body_sha256, session_id, source, outcome, reasons
FROM vss.deliveries AS delivery
WHERE ${conditions.join('\n  AND ')}
ORDER BY delivery.received_at, delivery_id
LIMIT ${given(limit)}`
  return { text, values }
}

/** Rows received before may have gone already, or go today. */
const keptFrom = `(
  SELECT coalesce(max(kept_from), '-infinity') FROM vss.retention WHERE kind IN ('deliveries', 'sessions')
)`

const outcomeLiterals: Record<Outcome, string> = {
  stored: `'stored'`,
  duplicate: `'duplicate'`,
  superseded: `'superseded'`,
  rejected: `'rejected'`,
}

/** A literal in the statement lets the planner see that a partial index has it. */
function literal(outcome: Outcome): string {
  return outcomeLiterals[outcome]
}
