import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'

const demo = join(import.meta.dirname, '../../../packages/local-stack/src/demo.ts')

test('npm run demo shows the rows of its three deliveries and leaves nothing behind', async () => {
  const { child, output, temporaryFolder } = runDemo()
  const [code] = await once(child, 'close')
  expect(output()).toMatch(/vss\.sessions[\s\S]*COMPLETED[\s\S]*ERROR/)
  expect(output()).toMatch(/vss\.call_legs[\s\S]*INBOUND[\s\S]*OUTBOUND/)
  expect(output()).toMatch(/the ledger[\s\S]*stored[\s\S]*stored[\s\S]*rejected.*malformed_json/)
  expect(
    output()
      .split('\n')
      .filter((line) => line.length > 80),
  ).toEqual([])
  expect(code).toBe(0)
  expect(readdirSync(temporaryFolder)).toEqual([])
})

test('Ctrl-C ends a running demo and leaves nothing behind', async () => {
  const { child, output, temporaryFolder } = runDemo()
  await until('The first server', () => readdirSync(temporaryFolder).length > 0, { timeoutMs: 10_000 })
  child.kill('SIGINT')
  const [code] = await once(child, 'close')
  expect(code).toBe(130)
  expect(output()).not.toContain('the ledger')
  expect(readdirSync(temporaryFolder)).toEqual([])
})

/** Runs what `npm run demo` runs, with a folder of its own for temporary files. */
function runDemo() {
  const temporaryFolder = mkdtempSync(join(tmpdir(), 'vss-demo-test-'))
  onTestFinished(() => rmSync(temporaryFolder, { recursive: true, force: true }))
  const child = spawn(process.execPath, [demo], {
    env: { PATH: process.env.PATH, TMPDIR: temporaryFolder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  onTestFinished(() => void child.kill('SIGTERM'))
  return { child, output: () => output, temporaryFolder }
}
