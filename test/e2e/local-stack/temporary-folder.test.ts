import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { isAlive, recordedPid } from './start-process.ts'

test('what a killed run left in its temporary folder is stopped and removed by the next run', async () => {
  const { child, folder, pids } = await startHangingStack()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const next = await createTemporaryFolder()
  onTestFinished(next.remove)
  expect(next.path).not.toBe(folder)
  // A run beside this one may be the one that sweeps.
  await until('The sweep', () => !existsSync(folder), { timeoutMs: 10_000 })
  expect(pids.filter(isAlive)).toEqual([])
})

test('a run that still goes on keeps its folder', async () => {
  const { folder, pids } = await startHangingStack()
  const next = await createTemporaryFolder()
  onTestFinished(next.remove)
  expect(existsSync(folder)).toBe(true)
  expect(pids.every(isAlive)).toBe(true)
})

async function startHangingStack() {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hanging-stack.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // SIGTERM has no handler there: the next sweep, at the end of these tests at the latest, takes the rest away.
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await (await createTemporaryFolder()).remove()
  })
  const [chunk] = await once(child.stdout, 'data')
  const folder = String(chunk).trim()
  return { child, folder, pids: ['redis', 'postgres'].map((name) => recordedPid(folder, name)) }
}
