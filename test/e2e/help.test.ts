import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'

const programs = [
  ['ingest', 'services/ingest/src/main.ts', 'SPOOL_DIR (default: no spool)'],
  ['worker', 'services/worker/src/main.ts', 'WORKER_CONCURRENCY (default: 64)'],
  ['console', 'services/console/src/main.ts', 'CONSOLE_NUMBERS (default: masked)'],
  ['migrate', 'packages/storage/src/migrate.ts', 'DATABASE_URL (required)'],
  ['npm start', 'packages/local-stack/src/start.ts', 'DATA_DIR (default: .data)'],
] as const

test.each(programs)('%s --help shows its settings, and needs none', async (_name, file, setting) => {
  const { exitCode, stdout, stderr } = await run(file, '--help')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout.split('\n')).toContain(setting)
})

test.each(programs)('%s takes no other argument', async (name, file) => {
  expect(await run(file, '--prot', '81')).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: `${name}: unknown argument "--prot": it takes --help alone, and its settings from the environment\n`,
  })
})

async function run(file: string, ...args: string[]) {
  const child = promisify(execFile)(process.execPath, [join(projectRoot, file), ...args], {
    env: { PATH: process.env.PATH },
  })
  return await child.then(
    ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ exitCode: code as number, stdout, stderr }),
  )
}
