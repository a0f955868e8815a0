import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Delivery, readContext } from '@vss-pipeline/delivery'
import { openReserve, type Reserve } from './reserve.ts'

/** A delivery as the spool keeps it: when it was received stands in its id. */
export type SpooledDelivery = Omit<Delivery, 'receivedAtMs'>

/** Deliveries from the head of the spool, oldest first. */
export interface SpooledBatch {
  deliveries: SpooledDelivery[]
  /** What {@link SpoolStore.remove} takes once they are durable elsewhere. */
  through: number
}

/** How much is in the spool. */
export interface SpoolContent {
  deliveries: number
  bytes: number
}

export interface SpoolLimits {
  maxCount: number
  maxBytes: number
}

/** The spool's folder of one instance, in SQLite: synchronous, so for a thread of its own. */
export interface SpoolStore {
  readonly content: SpoolContent
  /** Why it had no room to keep in reserve when it was opened, and takes nothing until there is; undefined if it had. */
  readonly reserveProblem: string | undefined
  /** Makes deliveries durable, all or none. @throws SpoolFullError, or what SQLite throws: a full disk, for one. */
  append(deliveries: readonly SpooledDelivery[]): void
  /** The oldest deliveries within the limits, at least one; null when the spool is empty. */
  oldest(limits: SpoolLimits): SpooledBatch | null
  /** Forgets what {@link oldest} gave. */
  remove(through: number): void
  /**
   * Takes over what instances that are gone have left in their folders, within the limits at a call.
   *
   * @returns how many deliveries: 0 when there were none. @throws why, when there is a folder that cannot be read or
   *   has more in it than there is room for, and no other one.
   */
  adopt(limits: SpoolLimits): number
  close(): void
}

export class SpoolFullError extends Error {
  readonly code = 'spool_full'
  override readonly name = 'SpoolFullError'
}

/** This release cannot read what a newer one has spooled. */
class NewerSpoolError extends Error {
  override readonly name = 'NewerSpoolError'
}

const fileName = 'spool.sqlite'
const sqliteBusy = 5
const sqliteIoError = 10
const sqliteCorrupt = 11
const sqliteFull = 13
const sqliteNotADatabase = 26
const mib = 1024 * 1024
/** What a delivery takes besides its body, about. */
const bytesPerDelivery = 100

/**
 * Takes a folder of its own in `dir`: the first that no running instance owns and that this release can use, which
 * may be one's own of before a crash, or a new one. The lock is the file's and ends with the process, however it ends.
 *
 * Folders are never removed: there are as many as instances have run at once.
 *
 * @param options.maxBodyBytes of a delivery.
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
  const content = statements.contentThrough.get(Number.MAX_SAFE_INTEGER) as unknown as SpoolContent

  function append(deliveries: readonly SpooledDelivery[]): void {
    const bytes = deliveries.reduce((sum, { body }) => sum + body.length + bytesPerDelivery, 0)
    if (content.bytes + bytes > maxBytes) {
      throw new SpoolFullError(`the spool holds ${content.bytes} bytes: SPOOL_MAX_BYTES is ${maxBytes}`)
    }
    // Without it what is taken now could not be given back.
    reserve.keep()
    inTransaction(database, () => {
      for (const { deliveryId, sourceIp, body, context } of deliveries)
        statements.insert.run(deliveryId, sourceIp, body, context ? JSON.stringify(context) : null)
    })
    content.deliveries += deliveries.length
    content.bytes += bytes
  }

  function adoptFrom(other: string, limits: SpoolLimits): number {
    const orphan = claim(other)
    if (orphan === null) return 0
    try {
      const { oldest, remove } = prepareStatements(orphan)
      const itsReserve = openReserve(other, reserveBytes)
      const page = readOldest(oldest, limits)
      if (page === null) {
        itsReserve.release()
        return 0
      }
      append(page.deliveries)
      // Killed here, both have them; the ledger takes each once.
      withReserve(orphan, itsReserve, () => remove.run(page.through))
      return page.deliveries.length
    } finally {
      orphan.close()
    }
  }

  return {
    content,
    reserveProblem,
    append,
    oldest: (limits) => readOldest(statements.oldest, limits),
    remove(through) {
      const removed = statements.contentThrough.get(through) as unknown as SpoolContent
      withReserve(database, reserve, () => inTransaction(database, () => statements.remove.run(through)))
      content.deliveries -= removed.deliveries
      content.bytes -= removed.bytes
      // The log has the bodies still; `secure_delete` sees to the rest.
      if (content.deliveries > 0) return
      withReserve(database, reserve, () => emptyLog(database))
      keepIfThereIsRoom(reserve)
    },
    adopt(limits) {
      // No page is too large for a spool that is small.
      const room = { ...limits, maxBytes: Math.min(limits.maxBytes, maxBytes / 4) }
      let trouble: unknown
      for (const other of foldersIn(dir)) {
        if (other === folder) continue
        try {
          const adopted = adoptFrom(join(dir, other), room)
          if (adopted > 0) return adopted
        } catch (cause) {
          trouble = new Error(`${join(dir, other)}: ${(cause as Error).message}`, { cause })
        }
      }
      if (trouble !== undefined) throw trouble
      return 0
    },
    close: () => database.close(),
  }
}

/**
 * What is given back on a full disk needs room twice: the log, of up to 4 MiB and an append, moves to the file, and
 * the deletion of a batch goes into the log. An append and a batch have 1 MiB of bodies, or a single one that is larger.
 */
function reserveBytesFor(maxBodyBytes: number): number {
  return 6 * mib + 2 * Math.max(mib, maxBodyBytes)
}

/** Without room nothing is appended, but what is there is given back. @returns why there is none. */
function keepIfThereIsRoom(reserve: Reserve): string | undefined {
  try {
    reserve.keep()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Does what must work on a full disk as well; there with the room in reserve. */
function withReserve(database: DatabaseSync, reserve: Reserve, work: () => unknown): void {
  try {
    work()
  } catch (error) {
    // A quota that is used up is an I/O error.
    if (![sqliteFull, sqliteIoError].includes(resultCode(error))) throw error
    reserve.release()
    emptyLog(database)
    work()
  }
}

/** Moves what the write-ahead log holds to the file, and gives the log's room back to the disk. */
function emptyLog(database: DatabaseSync): void {
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
}

function foldersIn(dir: string): string[] {
  return readdirSync(dir).filter((name) => /^\d+$/.test(name))
}

function claimAny(dir: string): { database: DatabaseSync; folder: string } {
  for (let number = 1; ; number++) {
    const folder = String(number)
    mkdirSync(join(dir, folder), { recursive: true, mode: 0o700 })
    const database = claimUsable(join(dir, folder))
    if (database === null) continue
    // What SQLite syncs is of no use in a folder that a power failure takes away.
    for (const path of [join(dir, folder), dir, dirname(dir)]) syncFolder(path)
    return { database, folder }
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** As {@link claim}; null also for one that is damaged or of a newer release: {@link SpoolStore.adopt} tells of it. */
function claimUsable(folder: string): DatabaseSync | null {
  try {
    return claim(folder)
  } catch (error) {
    if (error instanceof NewerSpoolError) return null
    if ([sqliteCorrupt, sqliteNotADatabase].includes(resultCode(error))) return null
    throw error
  }
}

/** SQLite's result code, without what extends it. */
function resultCode(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff
}

/** Opens a folder's database for this process alone; null while another has it. */
function claim(folder: string): DatabaseSync | null {
  const database = new DatabaseSync(join(folder, fileName), { timeout: 0 })
  try {
    // Kept until it is closed, not for a transaction only.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    // An fsync for every commit.
    database.exec('PRAGMA synchronous = FULL')
    // Bodies hold phone numbers: what is deleted is overwritten.
    database.exec('PRAGMA secure_delete = ON')
    database.exec('BEGIN EXCLUSIVE; COMMIT')
    withReserve(database, openReserve(folder, 0), () => bringUpToDate(database))
    return database
  } catch (error) {
    database.close()
    if (resultCode(error) === sqliteBusy) return null
    throw error
  }
}

/** The file's schema by its number in `user_version`: what the statements before it have made. */
const schemaSteps = [
  `CREATE TABLE IF NOT EXISTS deliveries (
     position INTEGER PRIMARY KEY AUTOINCREMENT,
     delivery_id TEXT NOT NULL,
     source_ip TEXT,
     body BLOB NOT NULL
   ) STRICT`,
  'ALTER TABLE deliveries ADD COLUMN context TEXT',
]

/** @throws NewerSpoolError */
function bringUpToDate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > schemaSteps.length) {
    throw new NewerSpoolError(`a newer release wrote it (schema ${version}): start that release to empty it`)
  }
  if (version === schemaSteps.length) return
  inTransaction(database, () => {
    for (const step of schemaSteps.slice(version)) database.exec(step)
    database.exec(`PRAGMA user_version = ${schemaSteps.length}`)
  })
}

function prepareStatements(database: DatabaseSync) {
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
  }
}

interface Row {
  position: number
  delivery_id: string
  source_ip: string | null
  body: Uint8Array
  context: string | null
}

function readOldest(statement: StatementSync, { maxCount, maxBytes }: SpoolLimits): SpooledBatch | null {
  const deliveries: SpooledDelivery[] = []
  let through = 0
  let bytes = 0
  for (const row of statement.iterate() as Iterable<unknown> as Iterable<Row>) {
    bytes += row.body.length
    if (deliveries.length > 0 && (deliveries.length === maxCount || bytes > maxBytes)) break
    deliveries.push(toDelivery(row))
    through = row.position
  }
  return deliveries.length === 0 ? null : { deliveries, through }
}

function toDelivery({
  delivery_id: deliveryId,
  source_ip: sourceIp,
  body,
  context: text,
}: Row): SpooledDelivery {
  const context = text === null ? undefined : readContext(JSON.parse(text))
  return context === undefined ? { deliveryId, sourceIp, body } : { deliveryId, sourceIp, body, context }
}

function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    // SQLite has rolled back by itself where the disk is full.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
