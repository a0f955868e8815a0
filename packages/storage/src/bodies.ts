import type { LedgerEntry } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { uuidArray } from './arrays.ts'
import { bodyColumns } from './columns.ts'
import { copyInto } from './copy.ts'
import { insertInto } from './statements.ts'

const bodyCopy = copyInto('vss.bodies', bodyColumns)
const bodyInsert = insertInto('vss.bodies', bodyColumns)

export const copyBodiesStatement = bodyCopy.text

/** It names no key, because that would take the right to read it. */
export const insertMissingBodiesStatement = `${bodyInsert.text}
ON CONFLICT DO NOTHING`

/** Writes the bodies of deliveries, in the transaction that inserts their ledger rows. */
export type WriteBodies = (client: ClientBase, entries: readonly LedgerEntry[]) => Promise<void>

/** A delivery whose body was lost has none. */
export async function insertBodies(client: ClientBase, entries: readonly LedgerEntry[]): Promise<void> {
  const withBody = entries.filter(hasBody)
  if (withBody.length > 0) await bodyCopy.write(client, { entry: withBody }, {})
}

/** Writes those that are not there. One is there where somebody has deleted the ledger row of its delivery. */
export async function insertMissingBodies(
  client: ClientBase,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const withBody = entries.filter(hasBody)
  if (withBody.length > 0) {
    await client.query(insertMissingBodiesStatement, bodyInsert.encode({ entry: withBody }))
  }
}

function hasBody({ body }: LedgerEntry): boolean {
  return body !== null
}

/**
 * The body of the ledger row `delivery`, as a column of a SELECT: an earlier release has kept it in the row itself.
 *
 * @param bounds expressions of the first and the last time of receipt of all the rows. Without them a statement is
 *   planned over every day that there is: over a year of days that takes 30 ms.
 */
export function bodyOfDelivery(bounds?: { from: string; to: string }): string {
  const between = bounds === undefined ? '' : ` AND kept.received_at BETWEEN ${bounds.from} AND ${bounds.to}`
  return `coalesce(delivery.body, (
    SELECT kept.body FROM vss.bodies AS kept
    WHERE kept.received_at = delivery.received_at AND kept.delivery_id = delivery.delivery_id${between}
  ))`
}

/**
 * Reads the bodies in `vss.bodies` of rows of the ledger.
 *
 * @param keys in the order of receipt; `receivedAt` is ISO 8601 in UTC
 * @returns the bodies in the order of their keys; null where there is none
 */
export async function selectBodies(
  client: ClientBase,
  keys: readonly { receivedAt: string; deliveryId: string }[],
): Promise<(Buffer | null)[]> {
  const bodies: (Buffer | null)[] = keys.map(() => null)
  if (keys.length === 0) return bodies
  const receivedAt = keys.map((key) => key.receivedAt)
  // Within these bounds it is planned over few days. OFFSET 0 has the primary key used, once for each body.
  const { rows } = await client.query<{ place: number; body: Buffer }>(
    `SELECT key.place::integer, kept.body
     FROM unnest($1::timestamptz[], $2::uuid[]) WITH ORDINALITY AS key (received_at, delivery_id, place)
     CROSS JOIN LATERAL (
       SELECT body FROM vss.bodies
       WHERE bodies.received_at = key.received_at AND bodies.delivery_id = key.delivery_id
         AND bodies.received_at BETWEEN $3 AND $4
       OFFSET 0
     ) AS kept`,
    [receivedAt, uuidArray(keys.map((key) => key.deliveryId)), receivedAt[0], receivedAt.at(-1)],
  )
  for (const { place, body } of rows) bodies[place - 1] = body
  return bodies
}
