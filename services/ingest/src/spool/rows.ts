import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Delivery, readContext, receivedAtMsOf } from '@vss-pipeline/delivery'

/** A delivery as the spool keeps it. The time of its receipt stands in its id. */
export type SpooledDelivery = Omit<Delivery, 'receivedAtMs'>

/** Deliveries from the head of the spool, oldest first. */
export interface SpooledBatch {
  deliveries: SpooledDelivery[]
  /** The position of the last of them: all up to it can be removed once they are durable elsewhere. */
  through: number
}

/** How much some deliveries take. */
export interface SpoolSize {
  deliveries: number
  bytes: number
}

/** How much is in the spool. */
export interface SpoolContent extends SpoolSize {
  /** No delivery in it was received before this, in milliseconds since the Unix epoch; null when it is empty. */
  oldestMs: number | null
}

/** The folder of a spool, whichever process has it. */
export interface SpoolFolder {
  /** Unlike that of every other folder, and never another one. */
  readonly id: string
  /** Whether a mark of it stands, so that deliveries in it hold the watermark also while Redis is away. */
  readonly isKnown: boolean
}

/** The limits of a batch. */
export interface SpoolLimits {
  maxCount: number
  maxBytes: number
}

/** The bytes that a delivery takes besides its body, about. */
export const bytesPerDelivery = 100

export type Statements = ReturnType<typeof prepareStatements>

export function prepareStatements(database: DatabaseSync) {
  return {
    contentThrough: database.prepare(
      `SELECT count(*) AS deliveries, coalesce(sum(length(body) + ${bytesPerDelivery}), 0) AS bytes
       FROM deliveries WHERE position <= ?`,
    ),
    insert: database.prepare(
      'INSERT INTO deliveries (delivery_id, source_ip, body, context) VALUES (?, ?, ?, ?)',
    ),
    oldest: database.prepare(
      'SELECT position, delivery_id, source_ip, body, context FROM deliveries ORDER BY position',
    ),
    remove: database.prepare('DELETE FROM deliveries WHERE position <= ?'),
    oldestId: database.prepare('SELECT min(delivery_id) AS id FROM deliveries'),
    folder: database.prepare('SELECT id, is_known FROM folder'),
    setKnown: database.prepare('UPDATE folder SET is_known = ?'),
  }
}

/** Measures the deliveries up to a position. */
export function readSize(statements: Statements, through: number): SpoolSize {
  return statements.contentThrough.get(through) as unknown as SpoolSize
}

/** Measures all deliveries. It reads them all. */
export function readContent(statements: Statements): SpoolContent {
  const { id } = statements.oldestId.get() as { id: string | null }
  return {
    ...readSize(statements, Number.MAX_SAFE_INTEGER),
    oldestMs: id === null ? null : receivedAtMsOf(id),
  }
}

export function readFolder(statements: Statements): SpoolFolder {
  const { id, is_known: isKnown } = statements.folder.get() as { id: string; is_known: number }
  return { id, isKnown: isKnown === 1 }
}

export function insertDelivery(statements: Statements, delivery: SpooledDelivery): void {
  const { deliveryId, sourceIp, body, context } = delivery
  statements.insert.run(deliveryId, sourceIp, body, context ? JSON.stringify(context) : null)
}

/** The oldest deliveries within the limits, at least one; null when there are none. */
export function readOldest(statements: Statements, limits: SpoolLimits): SpooledBatch | null {
  const { maxCount, maxBytes } = limits
  const deliveries: SpooledDelivery[] = []
  let through = 0
  let bytes = 0
  for (const row of iterateRows(statements.oldest)) {
    bytes += row.body.length
    if (deliveries.length > 0 && (deliveries.length === maxCount || bytes > maxBytes)) break
    deliveries.push(toDelivery(row))
    through = row.position
  }
  return deliveries.length === 0 ? null : { deliveries, through }
}

interface Row {
  position: number
  delivery_id: string
  source_ip: string | null
  body: Uint8Array
  context: string | null
}

function iterateRows(statement: StatementSync): Iterable<Row> {
  return statement.iterate() as Iterable<unknown> as Iterable<Row>
}

function toDelivery(row: Row): SpooledDelivery {
  const { delivery_id: deliveryId, source_ip: sourceIp, body } = row
  const context = row.context === null ? undefined : readContext(JSON.parse(row.context))
  return context === undefined ? { deliveryId, sourceIp, body } : { deliveryId, sourceIp, body, context }
}
