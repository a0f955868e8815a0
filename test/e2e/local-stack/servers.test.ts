import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import {
  claimDataFolder,
  LocalStackError,
  type RunningServer,
  startPostgres,
  startRedis,
  startStack,
} from '@vss-pipeline/local-stack'
import { createPool } from '@vss-pipeline/storage'
import { expect, onTestFinished, test } from 'vitest'
import { rowsOf } from '../../support/databases.ts'
import { redisCommand } from '../../support/redis-command.ts'
import { createTestFolder, isAlive, recordedPid } from './start-process.ts'

const ports = { postgres: 0, redis: 0 }

test('a restart keeps the data, the ports and the passwords', async () => {
  const folder = await createTestFolder()
  const first = await startStack({ folder, ports })
  await rowsOf(first.databaseUrl, 'create table kept as select 7 as value')
  await redisCommand(first.redisUrl, 'SET kept 7')
  await first.stop()

  const second = await startStack({ folder, ports })
  expect(second.databaseUrl).toBe(first.databaseUrl)
  expect(second.redisUrl).toBe(first.redisUrl)
  expect(await rowsOf(second.databaseUrl, 'select value from kept')).toEqual([{ value: 7 }])
  expect(await redisCommand(second.redisUrl, 'GET kept')).toBe('$1\r\n7\r\n')
})

test('a Postgres and a Redis that were killed start again with all acknowledged writes', async () => {
  const folder = await createTestFolder()
  const first = await startStack({ folder, ports })
  await rowsOf(first.databaseUrl, 'create table kept as select 7 as value')
  await redisCommand(first.redisUrl, 'SET kept 7')
  for (const name of ['postgres', 'redis']) process.kill(recordedPid(folder, name), 'SIGKILL')

  const second = await startStack({ folder, ports })
  await first.ended
  expect(await rowsOf(second.databaseUrl, 'select value from kept')).toEqual([{ value: 7 }])
  expect(await redisCommand(second.redisUrl, 'GET kept')).toBe('$1\r\n7\r\n')
  // The end of the first servers must not have removed the records of the second ones.
  expect(['postgres', 'redis'].map((name) => recordedPid(folder, name)).every(isAlive)).toBe(true)
})

test('a session that outlives a killed Postgres does not block the next start', async () => {
  const dataDir = join(await createTestFolder(), 'postgres')
  const first = await startPostgres({ dataDir, port: 0 })
  const pool = createPool({ databaseUrl: first.url, maxConnections: 1, applicationName: 'test' })
  onTestFinished(() => pool.end())
  const client = await pool.connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  // A backend that runs a statement does not notice that its postmaster has ended.
  const busy = client.query('select count(*) from generate_series(1, 1e12)').catch((error) => error)
  process.kill(first.pid, 'SIGKILL')

  const second = await startPostgres({ dataDir, port: 0 })
  onTestFinished(second.stop)
  expect(await rowsOf(second.url, 'select 1 as value')).toEqual([{ value: 1 }])
  expect(isAlive(rows[0].pid)).toBe(false)
  expect(await busy).toBeInstanceOf(Error)
  client.release(true)
})

test('a stale postmaster.pid with the number of another process does not block the start', async () => {
  const dataDir = join(await createTestFolder(), 'postgres')
  const first = await startPostgres({ dataDir, port: 0 })
  await first.stop()
  const stale = [process.pid, join(dataDir, 'data'), 1, 54_320, '', '127.0.0.1', '1 1', 'ready', ''].join(
    '\n',
  )
  writeFileSync(join(dataDir, 'data/postmaster.pid'), stale)

  const second = await startPostgres({ dataDir, port: 0 })
  onTestFinished(second.stop)
  expect(await rowsOf(second.url, 'select 1 as value')).toEqual([{ value: 1 }])
})

test.each([
  ['Postgres', startPostgres],
  ['Redis', startRedis],
] as [string, (options: { dataDir: string; port: number }) => Promise<RunningServer>][])(
  '%s takes a free port when the given one is in use',
  async (_name, startServer) => {
    const taken = await listen()
    const server = await startServer({ dataDir: join(await createTestFolder(), 'server'), port: taken })
    onTestFinished(server.stop)
    expect(Number(new URL(server.url).port)).toBeGreaterThan(0)
    expect(Number(new URL(server.url).port)).not.toBe(taken)
  },
)

test('the servers ask for a password', async () => {
  const stack = await startStack({ folder: await createTestFolder(), ports })
  onTestFinished(stack.stop)
  const guess = new URL(stack.databaseUrl)
  guess.password = 'guess'
  await expect(rowsOf(guess.href, 'select 1')).rejects.toThrow(/password authentication failed/)
  expect(await redisCommand(stack.redisUrl.replace(/:[^:@]*@/, ':guess@'), 'GET kept')).toMatch(/^-WRONGPASS/)
})

test('Redis keeps every write on disk before its reply, and evicts nothing', async () => {
  const redis = await startRedis({ dataDir: join(await createTestFolder(), 'redis'), port: 0 })
  onTestFinished(redis.stop)
  expect(await redisCommand(redis.url, 'CONFIG GET appendfsync')).toContain('always')
  expect(await redisCommand(redis.url, 'CONFIG GET appendonly')).toContain('yes')
  expect(await redisCommand(redis.url, 'CONFIG GET maxmemory-policy')).toContain('noeviction')
})

test('the error of a server that cannot start has the reason that the server logged', async () => {
  const folder = await createTestFolder()
  const dataDir = join(folder, 'postgres')
  const first = await startPostgres({ dataDir, port: 0 })
  await first.stop()
  writeFileSync(join(dataDir, 'data/postgresql.conf'), 'no_such_setting = 1\n')
  const failure = await startPostgres({ dataDir, port: 0 }).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(LocalStackError)
  expect((failure as Error).message).toMatch(/^Postgres exited with code 1: .*\(log: .*postgres\.log\)$/)
})

test('a data folder has one owner at a time', async () => {
  const path = await createTestFolder()
  const folder = await claimDataFolder(path)
  await expect(claimDataFolder(path)).rejects.toThrow(/^Already running: another start uses /)
  folder.release()
  const next = await claimDataFolder(path)
  next.release()
})

/** Listens on a free port until the test has finished. */
async function listen(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as { port: number }).port
}
