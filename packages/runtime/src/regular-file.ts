import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'

// Without O_NONBLOCK, opening a FIFO waits for its writer.
const flags = constants.O_RDONLY | constants.O_NONBLOCK

/** Reads a file's text. @throws the file system's error, or one for a file that is not regular: a FIFO may never end. */
export function readRegularFileSync(path: string): string {
  const fd = openSync(path, flags)
  try {
    if (!fstatSync(fd).isFile()) throw notRegular()
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/** As {@link readRegularFileSync}, without blocking this thread while the disk is slow. */
export async function readRegularFile(path: string): Promise<string> {
  const file = await open(path, flags)
  try {
    if (!(await file.stat()).isFile()) throw notRegular()
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** Says in a few words why a file cannot be read: `ENOENT`, `not a regular file`. */
export function explainUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}

function notRegular(): Error {
  return new Error('not a regular file')
}
