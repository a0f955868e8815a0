import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk in memory that is small enough to be filled. */
export interface SmallDisk {
  /** Fills the disk. `leaveBytes` stay free, 0 by default. */
  fill(options?: { leaveBytes: number }): void
  makeRoom(): void
  unmount(): void
}

/** Mounts a small disk on a folder. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'vss-test', folder], { stdio: 'ignore' })
  const ballast = join(folder, 'ballast')
  return {
    fill({ leaveBytes } = { leaveBytes: 0 }) {
      const { bavail, bsize } = statfsSync(folder)
      try {
        writeFileSync(ballast, Buffer.alloc(bavail * bsize - leaveBytes))
      } catch (error) {
        // A program that uses the disk may have filled it first.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    },
    makeRoom: () => rmSync(ballast),
    unmount: () => execFileSync('umount', [folder], { stdio: 'ignore' }),
  }
}

/** Whether this user may mount disks. */
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
