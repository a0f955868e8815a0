import { closeSync, openSync, writeSync } from 'node:fs'
import { UsageError } from '../failure.ts'

export interface IdFile {
  /** Writes a line at once, so that the file has every acknowledged id even if this process is killed. */
  add(deliveryId: string): void
  close(): void
}

/** Starts a file of delivery ids, one a line. @throws UsageError when it cannot be written. */
export function openIdFile(path: string): IdFile {
  const file = orFailure(path, () => openSync(path, 'w'))
  return {
    add: (deliveryId) => orFailure(path, () => writeSync(file, `${deliveryId}\n`)),
    close: () => closeSync(file),
  }
}

function orFailure<Result>(path: string, act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`cannot write "${path}" (${code}): --ids takes the path of a file to write`, {
      cause: error,
    })
  }
}
