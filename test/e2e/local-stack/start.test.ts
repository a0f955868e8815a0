import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { readDelivery } from '@vss-pipeline/reader'
import { createPool } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { createTestFolder, isAlive, recordedPids, runStart } from './start-process.ts'

const fixtures = join(import.meta.dirname, '../../fixtures')

test('with npm start a delivery becomes a row, and Ctrl-C stops every process that it started', async () => {
  const folder = await createTestFolder()
  const port = await choosePort(0)
  const start = runStart(folder, { PORT: String(port) })
  await start.running()
  const pids = recordedPids(folder)
  expect(pids.every(isAlive)).toBe(true)
  const [, consoleUrl] = /console {2}(http:\S+)/.exec(start.output()) ?? []
  const overview = await fetch(consoleUrl!)
  expect(await overview.text()).toMatch(/ingest[\s\S]*worker/)

  const response = await fetch(`http://127.0.0.1:${port}/webhooks/vss`, {
    method: 'POST',
    body: readFileSync(join(fixtures, 'example-completed.json')),
  })
  const { deliveryId } = (await response.json()) as { deliveryId: string }
  expect(readFileSync(join(folder, 'redis-url'), 'utf8')).toMatch(/^redis:\/\/.*\n$/)
  const databaseUrl = readFileSync(join(folder, 'database-url'), 'utf8').trim()
  const pool = createPool({ databaseUrl, maxConnections: 1, applicationName: 'test' })
  const delivery = await until('The processing', () => readDelivery(pool, deliveryId), { timeoutMs: 10_000 })
  await pool.end()
  expect(delivery.outcome).toBe('stored')

  start.child.kill('SIGINT')
  expect(await start.exitCode()).toBe(0)
  expect(pids.filter(isAlive)).toEqual([])
  expect(start.output()).toMatch(
    /console.*stopped[\s\S]*ingest.*stopped[\s\S]*worker.*stopped[\s\S]*Stopped\.\n$/,
  )
})

test('after npm start was killed, its services end by themselves, and the next start ends its servers', {
  timeout: 60_000,
}, async () => {
  const folder = await createTestFolder()
  const first = runStart(folder)
  await first.running()
  const [pages, ingest, worker, redis, postgres] = recordedPids(folder)
  first.child.kill('SIGKILL')
  await until('The end of the services', () => ![pages!, ingest!, worker!].some(isAlive), {
    timeoutMs: 30_000,
  })
  expect([redis!, postgres!].every(isAlive)).toBe(true)

  const second = runStart(folder)
  await second.running()
  expect([redis!, postgres!].filter(isAlive)).toEqual([])
  second.child.kill('SIGTERM')
  expect(await second.exitCode()).toBe(0)
})

test('a second start in the same folder says so, and leaves the first one alone', async () => {
  const folder = await createTestFolder()
  const first = runStart(folder)
  await first.running()
  const pids = recordedPids(folder)
  const second = runStart(folder)
  expect(await second.exitCode()).toBe(1)
  expect(second.output()).toBe(
    `Already running: another start uses ${folder}. Stop that one first (Ctrl-C).\n`,
  )
  expect(pids.every(isAlive)).toBe(true)
  first.child.kill('SIGINT')
  expect(await first.exitCode()).toBe(0)
})

test('an HTTP port that is in use ends the start with one line that names it', async () => {
  const blocker = createServer()
  const port = await choosePort(0)
  await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => void blocker.close())
  const start = runStart(await createTestFolder(), { PORT: String(port) })
  expect(await start.exitCode()).toBe(1)
  expect(start.output()).toBe(
    `Port ${port} is in use by another program. Stop that, or choose another: PORT=8081 npm start\n`,
  )
})

test.each([
  ['REDIS_URL', (port: number) => `redis://:secret@127.0.0.1:${port}`],
  ['DATABASE_URL', (port: number) => `postgres://vss:secret@127.0.0.1:${port}/vss`],
])('a %s where no server answers ends the start with one line, without the password', async (name, url) => {
  const folder = await createTestFolder()
  const start = runStart(folder, { [name]: url(await choosePort(0)) })
  expect(await start.exitCode()).toBe(1)
  expect(start.output()).toMatch(new RegExp(`^${name}: .*ECONNREFUSED.*\\n$`))
  expect(start.output()).not.toContain('secret')
})

test('a DATABASE_URL of several hosts ends the start with one line', async () => {
  const start = runStart(await createTestFolder(), { DATABASE_URL: 'postgres://vss:secret@one,two/vss' })
  expect(await start.exitCode()).toBe(1)
  expect(start.output()).toBe(
    'DATABASE_URL names several hosts, and not which of them it wants: it takes target_session_attrs=read-write as well\n',
  )
})

test('without a Redis server and without apt, one line tells what to do', async () => {
  const folder = await createTestFolder()
  // This PATH has only the program that root needs to start Postgres.
  const programs = join(folder, 'programs')
  mkdirSync(programs, { recursive: true })
  symlinkSync('/usr/bin/unshare', join(programs, 'unshare'))
  const start = runStart(folder, { PATH: programs, VSS_NO_APT: '1' })
  expect(await start.exitCode()).toBe(1)
  expect(start.output()).toMatch(/^There is no redis-server or valkey-server on the PATH\..*REDIS_URL.*\n$/)
})
