import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'

/** A pipe with a path. The test reads it when it wants to. */
export interface Fifo {
  path: string
  /** A file descriptor for another process. Its writes wait while the pipe is full. */
  writer: number
  /** Writes line breaks to the pipe until it is full. */
  fill(): void
  /** Begins to read, and reads until the test has finished. */
  read(): Readable
}

/** Makes a pipe, which is removed when the test has finished. */
export function makeFifo(): Fifo {
  const folder = mkdtempSync(join(tmpdir(), 'vss-fifo-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'fifo')
  execFileSync('mkfifo', [path])
  // Without a reader, a pipe can neither be opened for writing nor be filled.
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  onTestFinished(() => closeSync(writer))
  let isRead = false
  onTestFinished(() => {
    if (!isRead) closeSync(reader)
  })
  return {
    path,
    writer,
    fill: () => fillWithLineBreaks(path),
    read() {
      isRead = true
      const stream = new Socket({ fd: reader, readable: true, writable: false })
      onTestFinished(() => void stream.destroy())
      return stream
    },
  }
}

function fillWithLineBreaks(path: string): void {
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  try {
    for (const size of [4_096, 1]) writeUntilFull(writer, Buffer.alloc(size, '\n'))
  } finally {
    closeSync(writer)
  }
}

function writeUntilFull(writer: number, bytes: Buffer): void {
  for (;;) {
    try {
      writeSync(writer, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return
      throw error
    }
  }
}
