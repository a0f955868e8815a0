import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openReserve } from './reserve.ts'
import { bringUpToDate, NewerSpoolError } from './schema.ts'
import { hasResult, withReserve } from './sqlite.ts'

const fileName = 'spool.sqlite'

/** The names of the folders of all instances, those that run and those that are gone. */
export function foldersIn(dir: string): string[] {
  return readdirSync(dir).filter((name) => /^\d+$/.test(name))
}

/**
 * Takes a folder in `dir` for this process: the first that no running instance owns and that this release can use.
 * It may be this instance's own from before a crash, or a new one.
 *
 * Folders are never removed: there are as many as instances have run at once.
 */
export function claimAny(dir: string): { database: DatabaseSync; folder: string } {
  for (let number = 1; ; number++) {
    const folder = String(number)
    mkdirSync(join(dir, folder), { recursive: true, mode: 0o700 })
    const database = claimUsable(join(dir, folder))
    if (database === null) continue
    // Else a power failure could take the folder away, with the file that SQLite has synced in it.
    for (const path of [join(dir, folder), dir, dirname(dir)]) syncFolder(path)
    return { database, folder }
  }
}

/** As {@link claim}; null also for a file that is damaged or of a newer release: `adopt` of the store reports it. */
function claimUsable(folder: string): DatabaseSync | null {
  try {
    return claim(folder)
  } catch (error) {
    if (error instanceof NewerSpoolError || hasResult(error, 'corrupt', 'notADatabase')) return null
    throw error
  }
}

/**
 * Opens a folder's database for this process alone; null while another process has it. The lock is the file's, and
 * ends with the process, however that ends.
 */
export function claim(folder: string): DatabaseSync | null {
  const database = new DatabaseSync(join(folder, fileName), { timeout: 0 })
  try {
    // The lock is kept until the file is closed, not for a transaction only.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    // An fsync for every commit.
    database.exec('PRAGMA synchronous = FULL')
    // Deleted rows are overwritten, because bodies hold phone numbers.
    database.exec('PRAGMA secure_delete = ON')
    database.exec('BEGIN EXCLUSIVE; COMMIT')
    withReserve(database, openReserve(folder, 0), () => bringUpToDate(database))
    return database
  } catch (error) {
    database.close()
    if (hasResult(error, 'busy')) return null
    throw error
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
