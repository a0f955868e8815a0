import type { LedgerEntry } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
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

/** The body of the ledger row `delivery`, as a column of a SELECT: an earlier release has kept it in the row itself. */
export const bodyOfDelivery = `coalesce(delivery.body, (
    SELECT kept.body FROM vss.bodies AS kept
    WHERE kept.received_at = delivery.received_at AND kept.delivery_id = delivery.delivery_id
  ))`
