import { setTimeout as delay } from 'node:timers/promises'
import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'
import { inTransaction } from './transaction.ts'

export const retentionKinds = ['bodies', 'deliveries', 'sessions'] as const

/** `deliveries` is the ledger; sessions go with their legs. */
export type RetentionKind = (typeof retentionKinds)[number]

/** Whole days after its receipt for which a row is kept; undefined: for ever. */
export type RetentionDays = Readonly<Record<RetentionKind, number | undefined>>

/** A transaction holds up the change feed while it lasts, and a session takes its legs along. */
const rowsATransaction = 1_000

/**
 * Lets go of what is older than it is to be kept: partitions as a whole, at most once a minute, other rows in small
 * transactions with as much rest between them as they take. Any number of workers may call it, and one at a time does the
 * work. When it is interrupted, its finished transactions stay done.
 *
 * @param options.signal ends it after the transaction that is under way.
 * @returns the names of the partitions that it dropped, and how many rows of each kind it handled besides.
 * @throws StorageFault
 */
export async function letGo(
  pool: Pool,
  days: RetentionDays,
  options: { signal?: AbortSignal; rowsATransaction?: number } = {},
): Promise<{ dropped: string[]; deleted: Record<RetentionKind, number> }> {
  const { signal, rowsATransaction: maxRows = rowsATransaction } = options
  const deleted = { bodies: 0, deliveries: 0, sessions: 0 }
  try {
    const [isOurs] = await call<boolean>(pool, 'SELECT vss.set_retention($1, $2, $3) AS value', [
      days.bodies ?? null,
      days.deliveries ?? null,
      days.sessions ?? null,
    ])
    if (!isOurs) return { dropped: [], deleted }
    const dropped = await call<string>(pool, 'SELECT value FROM vss.drop_expired_partitions() AS value', [])
    for (const kind of retentionKinds) {
      while (!signal?.aborted) {
        const startedAtMs = performance.now()
        const [rows = 0] = await call<number>(pool, 'SELECT vss.delete_expired($1, $2) AS value', [
          kind,
          maxRows,
        ])
        if (rows === 0) break
        deleted[kind] += rows
        await delay(performance.now() - startedAtMs)
      }
    }
    return { dropped, deleted }
  } catch (error) {
    throw toStorageFault(error)
  }
}

async function call<Value>(pool: Pool, statement: string, values: unknown[]): Promise<Value[]> {
  const { rows } = await inTransaction(pool, (client) => client.query<{ value: Value }>(statement, values))
  return rows.map(({ value }) => value)
}
