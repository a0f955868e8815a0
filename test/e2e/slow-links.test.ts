import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'

/** Prints at the end of its program how long Node waits for each address of a host name that has several. */
const observer = `
  import { getDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'
  import { writeSync } from 'node:fs'
  process.on('exit', () => writeSync(1, '\\n' + getDefaultAutoSelectFamilyAttemptTimeout()))`

it.each([
  // Each program ends at once: the first lacks a command, the others a setting.
  ['services/cli/src/main.ts'],
  ['services/ingest/src/main.ts'],
  ['services/worker/src/main.ts'],
  ['packages/storage/src/migrate.ts'],
  ['packages/local-stack/src/start.ts'],
])(
  '%s waits for each address of a host name longer than the second after which TCP sends a lost packet again',
  async (program) => {
    const child = spawn(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(observer)}`, program],
      {
        env: { PATH: process.env.PATH, PORT: 'none' },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))

    const timeoutMs = Number((await text(child.stdout)).split('\n').at(-1))

    expect(timeoutMs).toBeGreaterThan(1_000)
  },
)
