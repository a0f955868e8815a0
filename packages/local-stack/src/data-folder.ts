import { accessSync, chmodSync, constants, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LocalStackError } from './errors.ts'
import { killRecorded, stopRecorded } from './process-record.ts'

/** The processes of a data folder, in the order in which they stop: services before the servers that they use. */
const stopOrder = ['console', 'ingest', 'worker', 'redis', 'postgres'] as const

/** SQLITE_BUSY of https://www.sqlite.org/rescode.html */
const sqliteBusy = 5

export interface DataFolder {
  path: string
  /** Lets another process claim the folder. */
  release(): void
}

/**
 * Claims a folder until `release` or the end of this process. Stops the processes that an earlier, killed start left
 * running in it.
 *
 * @throws LocalStackError when another process has the folder, or another user owns it.
 */
export async function claimDataFolder(path: string): Promise<DataFolder> {
  const folder = await tryToClaim(path)
  if (folder) return folder
  throw new LocalStackError(`Already running: another start uses ${path}. Stop that one first (Ctrl-C).`)
}

/** Like {@link claimDataFolder}, but returns undefined when another process has the folder. */
export async function tryToClaim(path: string): Promise<DataFolder | undefined> {
  makeFolder(path)
  const release = lock(join(path, 'lock'))
  if (!release) return undefined
  await stopEverythingIn(path)
  return { path, release }
}

/** Stops all processes that are recorded as running in a data folder; `force` skips the polite signal. */
export async function stopEverythingIn(path: string, options: { force?: boolean } = {}): Promise<void> {
  for (const name of stopOrder) await stopRecorded(recordFile(join(path, name)), options)
}

/** Ends all processes that are recorded as running in a data folder, by force and synchronously. */
export function killEverythingIn(path: string): void {
  for (const name of stopOrder) killRecorded(recordFile(join(path, name)))
}

/** The path of the record of the process that runs in `dataDir`. */
export function recordFile(dataDir: string): string {
  return join(dataDir, 'process.json')
}

/** Opens a log file to append to, readable by its owner alone: Postgres logs statements with their values. */
export function openLog(file: string): number {
  return openSync(file, 'a', 0o600)
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
    accessSync(path, constants.W_OK)
    // Others may enter it, because Postgres may run under another account; see account.ts.
    if (statSync(path).uid === process.getuid?.()) chmodSync(path, 0o711)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new LocalStackError(
      `Cannot write to ${path} (${code}). Another user may own it: change its owner, or remove it.`,
      { cause: error },
    )
  }
}

/**
 * Takes a lock that the kernel drops when this process ends in any way, so that no lock is ever stale. Node has no
 * flock(2), but SQLite's exclusive transaction is a lock of that kind.
 *
 * @returns a function that releases the lock; undefined when another process holds it.
 */
function lock(file: string): (() => void) | undefined {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined
    throw error
  }
  // Another start may have swept the folder away before the lock was taken. Then the lock is of no use.
  if (existsSync(file)) return () => database.close()
  database.close()
  return undefined
}
