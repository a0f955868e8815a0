import type { LedgerEntry } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { bodyColumns } from './columns.ts'
import { insertInto } from './statements.ts'

const bodyInsert = insertInto('vss.bodies', bodyColumns)

/** It names no key, because that would take the right to read it. */
export const insertBodiesStatement = `${bodyInsert.text}
ON CONFLICT DO NOTHING`

/**
 * Inserts the bodies of deliveries, in the transaction that inserts their ledger rows. A delivery whose body was lost has
 * none. The body may be there where somebody has deleted the ledger row of its delivery.
 */
export async function insertBodies(client: ClientBase, entries: readonly LedgerEntry[]): Promise<void> {
  const withBody = entries.filter(({ body }) => body !== null)
  if (withBody.length === 0) return
  await client.query(insertBodiesStatement, bodyInsert.encode({ entry: withBody }))
}

/** The body of the ledger row `delivery`, as a column of a SELECT: an earlier release has kept it in the row itself. */
export const bodyOfDelivery = `coalesce(delivery.body, (
    SELECT kept.body FROM vss.bodies AS kept
    WHERE kept.received_at = delivery.received_at AND kept.delivery_id = delivery.delivery_id
  ))`
