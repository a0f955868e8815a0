import type { DatabaseSync } from 'node:sqlite'
import type { Reserve } from './reserve.ts'

/** SQLite's result codes: https://www.sqlite.org/rescode.html */
const resultCodes = { busy: 5, ioError: 10, corrupt: 11, full: 13, notADatabase: 26 } as const

/** Whether an error is SQLite's, with one of these results. SQLite may extend a result code beyond its lowest byte. */
export function hasResult(error: unknown, ...results: (keyof typeof resultCodes)[]): boolean {
  const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff
  return results.some((result) => resultCodes[result] === code)
}

export function inTransaction(database: DatabaseSync, work: () => void): void {
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

/** Does work that must succeed on a full disk too: there it uses the room in reserve. */
export function withReserve(database: DatabaseSync, reserve: Reserve, work: () => unknown): void {
  try {
    work()
  } catch (error) {
    // A quota that is used up is an I/O error.
    if (!hasResult(error, 'full', 'ioError')) throw error
    reserve.release()
    emptyLog(database)
    work()
  }
}

/** Moves the content of the write-ahead log to the file, and gives the log's room back to the disk. */
export function emptyLog(database: DatabaseSync): void {
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
}
