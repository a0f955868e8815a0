import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { receivedAtMsOf } from '@vss-pipeline/delivery'
import { claim, claimAny, foldersIn } from './claim.ts'
import { openReserve, type Reserve } from './reserve.ts'
import {
  bytesPerDelivery,
  insertDelivery,
  prepareStatements,
  readContent,
  readFolder,
  readOldest,
  readSize,
  type SpoolContent,
  type SpooledBatch,
  type SpooledDelivery,
  type SpoolFolder,
  type SpoolLimits,
} from './rows.ts'
import { emptyLog, inTransaction, withReserve } from './sqlite.ts'

/** The spool of one instance, in a SQLite file. Its calls wait for the disk, so it belongs on a thread of its own. */
export interface SpoolStore {
  readonly content: SpoolContent
  /** As of the opening. */
  readonly folder: SpoolFolder
  /** Why it takes nothing: the disk had no room to keep in reserve at the opening. Undefined where it had. */
  readonly reserveProblem: string | undefined
  /** Makes deliveries durable, all or none. @throws SpoolFullError, or an error of SQLite's, as on a full disk. */
  append(deliveries: readonly SpooledDelivery[]): void
  /** The oldest deliveries within the limits, at least one; null when the spool is empty. */
  oldest(limits: SpoolLimits): SpooledBatch | null
  /** Removes deliveries up to the position that {@link oldest} gave with them. */
  remove(through: number): void
  /**
   * Takes over deliveries from the folders of instances that are gone, within the limits at a call.
   *
   * @throws an error that names a folder which cannot be read or has more in it than there is room for; other folders
   *   come first.
   */
  adopt(limits: SpoolLimits): Adoption
  /** Notes, durably, that a mark of the folder stands. */
  markKnown(): void
  /** Closes the file. An empty spool first notes that its mark stands no more. */
  close(): void
}

/** The result of a look at the folders of instances that are gone. */
export interface Adoption {
  /** How many deliveries were taken over. */
  deliveries: number
  /**
   * Where there were none to take over: the folders that are empty and belong to no process. `isKnown` is as of before the
   * look: from now on their next process tells a mark before it keeps anything, so that the old ones can be retired.
   */
  emptyFolders: SpoolFolder[]
}

export class SpoolFullError extends Error {
  readonly code = 'spool_full'
  override readonly name = 'SpoolFullError'
}

const mib = 1024 * 1024

/**
 * Opens the spool of this instance, in a folder of its own in `dir`.
 *
 * @param options.maxBodyBytes of a delivery: the room that is kept for giving it back depends on it.
 */
export function openSpoolStore(options: {
  dir: string
  maxBytes: number
  maxBodyBytes?: number
}): SpoolStore {
  const { dir, maxBytes, maxBodyBytes = mib } = options
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const { database, folder } = claimAny(dir)
  const statements = prepareStatements(database)
  const reserveBytes = reserveBytesFor(maxBodyBytes)
  const reserve = openReserve(join(dir, folder), reserveBytes)
  const reserveProblem = keepIfThereIsRoom(reserve)
  const content = readContent(statements)

  function append(deliveries: readonly SpooledDelivery[]): void {
    const bytes = deliveries.reduce((sum, { body }) => sum + body.length + bytesPerDelivery, 0)
    if (content.bytes + bytes > maxBytes) {
      throw new SpoolFullError(`the spool holds ${content.bytes} bytes: SPOOL_MAX_BYTES is ${maxBytes}`)
    }
    const receipts = deliveries.map(({ deliveryId }) => receivedAtMsOf(deliveryId))
    // Without the reserve, a delivery that is taken now could not be given back.
    reserve.keep()
    inTransaction(database, () => {
      for (const delivery of deliveries) insertDelivery(statements, delivery)
    })
    content.deliveries += deliveries.length
    content.bytes += bytes
    content.oldestMs = Math.min(content.oldestMs ?? Number.POSITIVE_INFINITY, ...receipts)
  }

  function adoptFrom(other: string, limits: SpoolLimits): Adoption {
    const orphan = claim(other)
    if (orphan === null) return { deliveries: 0, emptyFolders: [] }
    try {
      const itsStatements = prepareStatements(orphan)
      const itsReserve = openReserve(other, reserveBytes)
      const page = readOldest(itsStatements, limits)
      if (page === null) {
        const itself = readFolder(itsStatements)
        if (itself.isKnown) withReserve(orphan, itsReserve, () => itsStatements.setKnown.run(0))
        itsReserve.release()
        return { deliveries: 0, emptyFolders: [itself] }
      }
      append(page.deliveries)
      // A kill at this point leaves them in both; the ledger takes each once.
      withReserve(orphan, itsReserve, () => itsStatements.remove.run(page.through))
      return { deliveries: page.deliveries.length, emptyFolders: [] }
    } finally {
      orphan.close()
    }
  }

  return {
    content,
    folder: readFolder(statements),
    reserveProblem,
    append,
    oldest: (limits) => readOldest(statements, limits),
    remove(through) {
      const removed = readSize(statements, through)
      withReserve(database, reserve, () => inTransaction(database, () => statements.remove.run(through)))
      content.deliveries -= removed.deliveries
      content.bytes -= removed.bytes
      if (content.deliveries > 0) return
      content.oldestMs = null
      // `secure_delete` overwrites the bodies in the file, and the write-ahead log still holds them.
      withReserve(database, reserve, () => emptyLog(database))
      keepIfThereIsRoom(reserve)
    },
    adopt(limits) {
      // A page must fit a small spool as well.
      const pageLimits = { ...limits, maxBytes: Math.min(limits.maxBytes, maxBytes / 4) }
      const emptyFolders: SpoolFolder[] = []
      let trouble: unknown
      for (const other of foldersIn(dir)) {
        if (other === folder) continue
        try {
          const adoption = adoptFrom(join(dir, other), pageLimits)
          if (adoption.deliveries > 0) return adoption
          emptyFolders.push(...adoption.emptyFolders)
        } catch (cause) {
          trouble = new Error(`${join(dir, other)}: ${(cause as Error).message}`, { cause })
        }
      }
      if (trouble !== undefined) throw trouble
      return { deliveries: 0, emptyFolders }
    },
    markKnown: () => withReserve(database, reserve, () => statements.setKnown.run(1)),
    close() {
      if (content.deliveries === 0) withReserve(database, reserve, () => statements.setKnown.run(0))
      database.close()
    },
  }
}

/**
 * Giving back on a full disk needs room twice: the log, of up to 4 MiB and an append, moves to the file, and the
 * deletion of a batch goes into the log. An append and a batch hold 1 MiB of bodies each, or a single larger body.
 */
function reserveBytesFor(maxBodyBytes: number): number {
  return 6 * mib + 2 * Math.max(mib, maxBodyBytes)
}

/** Takes the reserve's room. Without it the store appends nothing, and still gives back. @returns why there is no room. */
function keepIfThereIsRoom(reserve: Reserve): string | undefined {
  try {
    reserve.keep()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
