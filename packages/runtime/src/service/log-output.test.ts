import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { until } from '@vss-pipeline/local-stack'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeFifo } from '../../../../test/support/fifo.ts'
import { createLogOutput } from './log-output.ts'

const fixture = join(import.meta.dirname, 'log-output.fixture.ts')

interface Line {
  msg: string
  line?: number
}

/** Reads a stream from now on. @returns a function that gives the text so far. */
function collect(stream: Readable): () => string {
  let text = ''
  stream.on('data', (chunk) => (text += chunk))
  return () => text
}

/** Starts the fixture with a standard output of this kind, which nobody reads yet. */
function startFixture(kind: 'pipe' | 'socket') {
  const fifo = kind === 'pipe' ? makeFifo() : undefined
  // For "pipe", Node makes a pair of sockets.
  const child = spawn(process.execPath, [fixture], { stdio: ['pipe', fifo?.writer ?? 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const complaints = collect(child.stderr!)
  return {
    exited: once(child, 'exit'),
    crash: () => child.stdin!.write('now'),
    /** Waits until standard error has a text of this pattern. */
    async said(pattern: RegExp): Promise<string[]> {
      return await until(`${pattern} on standard error`, () => pattern.exec(complaints()), {
        timeoutMs: 15_000,
      })
    },
    /** Begins to read. @returns a function that gives the lines so far. */
    read(): () => Line[] {
      const text = collect(fifo?.read() ?? child.stdout!)
      return () =>
        text()
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line))
    },
  }
}

function numbersFrom(first: number, through: number): number[] {
  return Array.from({ length: through - first + 1 }, (_, index) => first + index)
}

describe.each(['pipe', 'socket'] as const)('a %s that nobody reads', (kind) => {
  test('does not stop the program: lines are dropped, and one in their place says how many', async () => {
    const { said, read, crash, exited } = startFixture(kind)
    const dropped = Number((await said(/dropped (\d+)\n/))[1])
    expect(dropped).toBeGreaterThan(1_000)

    const lines = read()
    await until('The last line', () => lines().at(-1)?.line === 8_000, { timeoutMs: 15_000 })
    const gap = lines().findIndex(({ msg }) => msg === 'log lines are missing here')
    expect(lines()[gap]).toMatchObject({ level: 'warn', service: 'fixture', dropped })
    const numbers = lines().flatMap(({ line }) => line ?? [])
    expect(numbers).toEqual([...numbersFrom(1, gap), ...numbersFrom(gap + dropped + 1, 8_000)])

    crash()
    expect(await exited).toEqual([1, null])
    await until('The last words', () => lines().at(-1)?.msg === 'last words', { timeoutMs: 5_000 })
  })

  test('still gets the last lines of a crash when a reader comes', async () => {
    const { said, read, crash, exited } = startFixture(kind)
    await said(/dropped/)
    crash()
    await said(/crashing/)
    const lines = read()
    expect(await exited).toEqual([1, null])
    await until('The last words', () => lines().at(-1)?.msg === 'last words', { timeoutMs: 5_000 })
  })

  test('does not keep the program from ending', async () => {
    const { said, crash, exited } = startFixture(kind)
    await said(/dropped/)
    const startedAt = performance.now()
    crash()
    expect(await exited).toEqual([1, null])
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })
})

test('lines that cannot be written wait, the oldest are dropped, and the caller gets no error', async () => {
  const fifo = makeFifo()
  fifo.fill()
  const fd = openSync(fifo.path, constants.O_WRONLY | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(fd))
  const output = createLogOutput({ fd, maxWaitingBytes: 10, tellDropped: (lines) => `${lines} missing\n` })
  for (const line of ['one\n', 'three\n', 'four\n', 'five\n']) output.write(line)

  const text = collect(fifo.read())
  await until('The last line', () => text().endsWith('five\n'), { timeoutMs: 5_000 })
  expect(text().trimStart()).toBe('one\n1 missing\nfour\nfive\n')
})
