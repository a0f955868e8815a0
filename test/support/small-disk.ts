import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk of memory, small enough to be filled. */
export interface SmallDisk {
  /** Leaves so many bytes of it, none unless given. */
  fill(options?: { leaveBytes: number }): void
  makeRoom(): void
  unmount(): void
}

/** Puts one in a folder's place. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'vss-test', folder], { stdio: 'ignore' })
  const ballast = join(folder, 'ballast')
  return {
    fill({ leaveBytes } = { leaveBytes: 0 }) {
      const { bavail, bsize } = statfsSync(folder)
      try {
        writeFileSync(ballast, Buffer.alloc(bavail * bsize - leaveBytes))
      } catch (error) {
        // Who uses the disk may have been faster.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    },
    makeRoom: () => rmSync(ballast),
    unmount: () => execFileSync('umount', [folder], { stdio: 'ignore' }),
  }
}

/** Whether this user may mount at all. */
export function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'vss-may-mount-'))
  try {
    mountSmallDisk(folder, 1).unmount()
    return true
  } catch {
    return false
  } finally {
    rmdirSync(folder)
  }
}
