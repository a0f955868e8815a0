import { accessSync, chmodSync, constants, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LocalStackError } from './errors.ts'
import { killRecorded, stopRecorded } from './process-record.ts'

/** What a data folder may hold, in the order in which it stops: first those who use, then what is used. */
const stopOrder = ['ingest', 'worker', 'redis', 'postgres'] as const

/** SQLITE_BUSY of https://www.sqlite.org/rescode.html */
const sqliteBusy = 5

export interface DataFolder {
  path: string
  /** Lets another process claim the folder. */
  release(): void
}

/**
 * Makes a folder ours until `release` or the end of this process, and stops what an earlier start that was
 * killed left running in it.
 *
 * @throws LocalStackError when another process has it, or it belongs to another user.
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

/** Stops whatever is recorded as running in a data folder; `force` skips asking politely. */
export async function stopEverythingIn(path: string, options: { force?: boolean } = {}): Promise<void> {
  for (const name of stopOrder) await stopRecorded(recordFile(join(path, name)), options)
}

/** Ends whatever is recorded as running in a data folder by force, synchronously. */
export function killEverythingIn(path: string): void {
  for (const name of stopOrder) killRecorded(recordFile(join(path, name)))
}

/** Where the process that runs in `dataDir` is written down. */
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
    // Searchable by others, so that Postgres under another account reaches its own folder in it; see account.ts.
    if (statSync(path).uid === process.getuid?.()) chmodSync(path, 0o711)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new LocalStackError(
      `Cannot write to ${path} (${code}): was it made by another user? Give it back or remove it.`,
      { cause: error },
    )
  }
}

/**
 * Takes a lock that the kernel drops when this process ends, however it ends: there is no stale lock to judge.
 * Node offers no flock(2), but SQLite's exclusive transaction is a lock of that kind.
 *
 * @returns what releases it; undefined when another process holds it.
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
  // The folder may have been swept away between its making and the lock: then this lock guards nothing.
  if (existsSync(file)) return () => database.close()
  database.close()
  return undefined
}
