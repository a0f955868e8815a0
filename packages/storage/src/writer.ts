import { operations, runOperation } from '@vss-pipeline/runtime'
import type { Outcome, Reason } from '@vss-pipeline/vss/vocabulary'
import { type LedgerEntry, reasonsOf } from '@vss-pipeline/vss/vocabulary'
import { expectUtf8 } from './encoding.ts'
import { dataErrorState, isAboutCharacters, isKeyTaken, toStorageFault } from './errors.ts'
import { flush } from './flush.ts'
import type { LedgerRow } from './ledger.ts'
import type { Pool } from './pool.ts'
import { refusedEntry } from './refused.ts'
import { inTransaction } from './transaction.ts'

/** A ledger row that a write inserted. */
export interface Recorded {
  deliveryId: string
  outcome: Outcome
  /** The reasons for a rejection; empty unless it was rejected. */
  reasons: Reason[]
  /** The entry as it was given, also where the database refused it. */
  entry: LedgerEntry
}

export interface Writer {
  /**
   * Writes deliveries with their sessions and legs: all of them, or perhaps some when it throws. Any number of writers
   * may write the same entries again, in any order, alone or among others.
   *
   * A delivery whose values Postgres refuses is rejected alone, with reason `refused_by_database`.
   *
   * @returns the outcome of each delivery; deliveries that were in the ledger already are left out.
   * @throws StorageFault when the database cannot do it now.
   */
  write(entries: readonly LedgerEntry[]): Promise<Recorded[]>
}

/** A turn is repeated when another writer was faster, and then finds its rows. After so many it is not about others. */
const mostTurns = 10

/** @param options.pipelineVersion the release to name in every row that is written. */
export function createWriter(options: { pool: Pool; pipelineVersion: string }): Writer {
  const { pool, pipelineVersion } = options

  async function writeAllOrIsolate(entries: readonly LedgerEntry[]): Promise<Recorded[]> {
    try {
      return await writeInOneTransaction(entries)
    } catch (error) {
      const sqlState = dataErrorState(error)
      if (sqlState === undefined) throw error
      if (isAboutCharacters(sqlState)) await expectUtf8(pool)
      const [entry] = entries
      if (entry !== undefined && entries.length === 1) return await writeAsRefused(entry, sqlState)
      const middle = Math.ceil(entries.length / 2)
      return [
        ...(await writeAllOrIsolate(entries.slice(0, middle))),
        ...(await writeAllOrIsolate(entries.slice(middle))),
      ]
    }
  }

  async function writeAsRefused(entry: LedgerEntry, sqlState: string): Promise<Recorded[]> {
    const recorded = await writeInOneTransaction([refusedEntry(entry, sqlState)])
    return recorded.map((one) => ({ ...one, entry }))
  }

  async function writeInOneTransaction(entries: readonly LedgerEntry[]): Promise<Recorded[]> {
    const ledgerRows = await runOperation(
      operations.flush,
      (startedMs) => ({ startedMs, deliveries: entries }),
      () => flushOrRepeat(entries),
    )
    return ledgerRows.map(({ entry, outcome }) => ({
      deliveryId: entry.deliveryId,
      outcome,
      reasons: reasonsOf(entry),
      entry,
    }))
  }

  async function flushOrRepeat(entries: readonly LedgerEntry[]): Promise<LedgerRow[]> {
    for (let turn = 1; ; turn++) {
      const isRepeated = turn > 1
      try {
        return await inTransaction(pool, (client, beganAt) =>
          flush(client, entries, { pipelineVersion, beganAt, isRepeated }),
        )
      } catch (error) {
        if (!isKeyTaken(error) || turn === mostTurns) throw error
      }
    }
  }

  return {
    async write(entries) {
      const distinct = new Map(entries.map((entry) => [entry.deliveryId, entry]))
      if (distinct.size === 0) return []
      try {
        return await writeAllOrIsolate([...distinct.values()])
      } catch (error) {
        throw toStorageFault(error)
      }
    },
  }
}
