import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test, vi } from 'vitest'
import { isPortFree } from '../../../packages/local-stack/src/ports.ts'
import { isAlive, recordedPid } from './start-process.ts'

test('the next run stops the servers of a killed run and removes its temporary folder', async () => {
  const { child, folder, pids } = await startHangingStack()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const next = await createTemporaryFolder()
  onTestFinished(next.remove)
  expect(next.path).not.toBe(folder)
  // Another run at the same time may remove it instead.
  await until('The sweep', () => !existsSync(folder), { timeoutMs: 10_000 })
  expect(pids.filter(isAlive)).toEqual([])
})

test('the servers of a killed test run end without a next run', async () => {
  useOwnTmp()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hanging-servers.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await (await createTemporaryFolder()).remove()
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const [, ports] = await until('The start of both', () => /^(\[\d+,\d+\])$/m.exec(output), {
    timeoutMs: 20_000,
  })
  child.kill('SIGKILL')
  for (const port of JSON.parse(ports!)) {
    await until(`The end of the server on port ${port}`, () => isPortFree(port, '127.0.0.1'), {
      timeoutMs: 15_000,
    })
  }
})

test('a run keeps its folder while it goes on', async () => {
  const { folder, pids } = await startHangingStack()
  const next = await createTemporaryFolder()
  onTestFinished(next.remove)
  expect(existsSync(folder)).toBe(true)
  expect(pids.every(isAlive)).toBe(true)
})

test('a link with the name of a temporary folder is not followed', async () => {
  const ownTmp = useOwnTmp()
  const target = join(ownTmp, 'target')
  mkdirSync(target, { mode: 0o700 })
  const link = join(ownTmp, 'vss-pipeline-link')
  symlinkSync(target, link)

  const folder = await createTemporaryFolder()
  await folder.remove()
  expect(readdirSync(ownTmp).sort()).toEqual(['target', 'vss-pipeline-link'])
  expect(readdirSync(target)).toEqual([])
  expect(statSync(target).mode & 0o777).toBe(0o700)
})

/** Lets this test make its temporary folders where no other run removes them. */
function useOwnTmp(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vss-sweep-'))
  // Postgres may run under another account.
  chmodSync(folder, 0o711)
  onTestFinished(() => rmSync(folder, { recursive: true }))
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(() => void vi.unstubAllEnvs())
  return folder
}

async function startHangingStack() {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hanging-stack.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // The process cannot stop its servers when it is killed, so a new temporary folder does: it removes abandoned ones.
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await (await createTemporaryFolder()).remove()
  })
  const [chunk] = await once(child.stdout, 'data')
  const folder = String(chunk).trim()
  return { child, folder, pids: ['redis', 'postgres'].map((name) => recordedPid(folder, name)) }
}
