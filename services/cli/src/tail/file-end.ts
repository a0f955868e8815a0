import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Whether this is a file whose last line has no end: text that is appended would continue it. */
export function endsWithinLine(fd: number): boolean {
  const { size } = fstatSync(fd)
  if (!fstatSync(fd).isFile() || size === 0) return false
  // It was opened to be written. Where it cannot be opened again, an empty line does no harm.
  let readable: number
  try {
    readable = openSync(`/dev/fd/${fd}`, 'r')
  } catch {
    return true
  }
  try {
    const last = Buffer.alloc(1)
    readSync(readable, last, 0, 1, size - 1)
    return last.toString() !== '\n'
  } finally {
    closeSync(readable)
  }
}
