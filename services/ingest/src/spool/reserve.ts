import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Room on a disk, kept by a file that takes it. On a disk that is full nothing can be deleted from a database either:
 * what a deletion changes is written to its log first. This is the room for that.
 */
export interface Reserve {
  /** Takes the room, unless it has it. @throws ENOSPC, or what else the file system says. */
  keep(): void
  /** Gives the room to who writes next. */
  release(): void
}

/** The reserve in a folder: it has what a process before this one kept there. */
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
      // So that what little is left is not taken, and given back, at every try.
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

/** Random, because a file system may compress what is not. */
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
