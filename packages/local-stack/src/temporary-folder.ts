import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataFolder, killEverythingIn, stopEverythingIn, tryToClaim } from './data-folder.ts'

const prefix = 'vss-pipeline-'

export interface TemporaryFolder {
  path: string
  /** Stops all processes that still run in the folder, and removes it. */
  remove(): Promise<void>
}

/**
 * Makes and claims a data folder for one run. First it sweeps away the processes and folders of this user's earlier
 * runs that were killed before they could clean up.
 */
export async function createTemporaryFolder(): Promise<TemporaryFolder> {
  await sweep()
  for (;;) {
    const path = mkdtempSync(join(tmpdir(), prefix))
    const folder = await tryToClaim(path)
    // Another run's sweep can take the folder before the claim.
    if (folder) return removedAtTheLatestOnExit(folder)
  }
}

/** Removes the folder when this process exits in mid-run, as vitest does on SIGTERM. An exit handler cannot wait. */
function removedAtTheLatestOnExit(folder: DataFolder): TemporaryFolder {
  function removeAtOnce(): void {
    killEverythingIn(folder.path)
    removeFiles(folder.path)
  }
  process.once('exit', removeAtOnce)
  return {
    path: folder.path,
    async remove() {
      await remove(folder)
      process.off('exit', removeAtOnce)
    },
  }
}

async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((name) => name.startsWith(prefix))) {
    await sweepAway(join(tmpdir(), name))
  }
}

async function sweepAway(path: string): Promise<void> {
  try {
    // Any user may put a link there, which could lead to files that are not to be removed.
    const entry = lstatSync(path)
    if (!entry.isDirectory() || entry.uid !== process.getuid?.()) return
    const folder = await tryToClaim(path)
    if (folder) await remove(folder)
  } catch {
    // A fault in the folder of another run must not keep this run from starting.
  }
}

async function remove({ path, release }: DataFolder): Promise<void> {
  await stopEverythingIn(path, { force: true })
  removeFiles(path)
  release()
}

/** Tries again for half a second: the children of a killed Postgres write a moment longer. */
function removeFiles(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}
