import { statfs } from 'node:fs/promises'
import { repeatEvery } from '@vss-pipeline/runtime'

const intervalMs = 10_000

/** The room on the disk of the spool, as of a look some seconds ago. */
export interface DiskRoom {
  /** Null where the disk does not say, or has not answered yet. */
  readonly freeBytes: number | null
  stop(): void
}

/** Watches how much room a disk has. A disk that hangs keeps one look waiting, and there is no other meanwhile. */
export function watchDiskRoom(dir: string): DiskRoom {
  let freeBytes: number | null = null

  async function look(): Promise<void> {
    freeBytes = await statfs(dir).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => null,
    )
  }

  void look()
  const stop = repeatEvery(intervalMs, look)
  return {
    get freeBytes() {
      return freeBytes
    },
    stop,
  }
}
