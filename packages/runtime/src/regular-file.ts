import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'

// Opening a FIFO waits for its writer, unless it is told not to.
const flags = constants.O_RDONLY | constants.O_NONBLOCK

/** A file's text. @throws what the file system says, or that it is no regular file: a FIFO, for one, may never end. */
export function readRegularFileSync(path: string): string {
  const fd = openSync(path, flags)
  try {
    if (!fstatSync(fd).isFile()) throw notRegular()
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/** As {@link readRegularFileSync}, without holding up this thread when the disk takes its time. */
export async function readRegularFile(path: string): Promise<string> {
  const file = await open(path, flags)
  try {
    if (!(await file.stat()).isFile()) throw notRegular()
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** Why a file cannot be read, in a word or a few: `ENOENT`, `not a regular file`. */
export function explainUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}

function notRegular(): Error {
  return new Error('not a regular file')
}
