import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataFolder, killEverythingIn, stopEverythingIn, tryToClaim } from './data-folder.ts'

const prefix = 'vss-pipeline-'

export interface TemporaryFolder {
  path: string
  /** Stops whatever still runs in the folder, and removes it. */
  remove(): Promise<void>
}

/**
 * Makes and claims a data folder for one run. First sweeps away what earlier runs of this user left that were
 * killed before they could clean up: their processes and their folders.
 */
export async function createTemporaryFolder(): Promise<TemporaryFolder> {
  await sweep()
  for (;;) {
    const path = mkdtempSync(join(tmpdir(), prefix))
    const folder = await tryToClaim(path)
    // Another run's sweep can win the folder between its making and the claim.
    if (folder) return removedAtTheLatestOnExit(folder)
  }
}

/** A process that exits in mid-run, as vitest does on SIGTERM, can still do so much, if not wait. */
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
    // Others may put what they like there: a link would lead us to where somebody else wants something removed.
    const entry = lstatSync(path)
    if (!entry.isDirectory() || entry.uid !== process.getuid?.()) return
    const folder = await tryToClaim(path)
    if (folder) await remove(folder)
  } catch {
    // Whatever is wrong with a folder of another run must not keep this one from starting.
  }
}

async function remove({ path, release }: DataFolder): Promise<void> {
  await stopEverythingIn(path, { force: true })
  removeFiles(path)
  release()
}

/** A Postgres that was ended by force has children that write their last a moment longer. */
function removeFiles(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}
