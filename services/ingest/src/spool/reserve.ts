import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Room on a disk, kept by a file that fills it. On a full disk nothing can be deleted from a database either, because
 * a deletion is written to the database's log first. The reserve is the room for that.
 */
export interface Reserve {
  /** Takes the room, unless it has it. @throws ENOSPC, or another error of the file system's. */
  keep(): void
  /** Frees the room for the next write. */
  release(): void
}

/** Opens the reserve of a folder. It has the room already where an earlier process kept it. */
export function openReserve(folder: string, bytes: number): Reserve {
  const path = join(folder, 'reserve')
  let isKept = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= bytes

  function release(): void {
    rmSync(path, { force: true })
    isKept = false
  }

  return {
    keep() {
      if (isKept) return
      release()
      // Else each try would take the little that is left, and give it back.
      const { bavail, bsize } = statfsSync(folder)
      if (bavail * bsize < bytes) throw noSpace(folder, bytes)
      try {
        writeRandom(path, bytes)
      } catch (error) {
        release()
        throw error
      }
      isKept = true
    },
    release,
  }
}

/** Random bytes, because a file system may compress others. */
function writeRandom(path: string, bytes: number): void {
  const file = openSync(path, 'w', 0o600)
  try {
    for (let left = bytes; left > 0; ) left -= writeSync(file, randomBytes(Math.min(left, 1024 * 1024)))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function noSpace(folder: string, bytes: number): Error {
  return Object.assign(new Error(`ENOSPC: the disk of ${folder} has no ${bytes} bytes to keep in reserve`), {
    code: 'ENOSPC',
  })
}
