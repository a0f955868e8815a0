import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import {
  displayServer,
  readDatabaseSetting,
  readDirectDatabaseSetting,
  readQueuePrefix,
  readRedisSetting,
  readReplicaSetting,
} from './settings.ts'

const noLocalStack = { DATA_DIR: '/nonexistent' }

it('prefers the option over the variable', () => {
  const env = { ...noLocalStack, DATABASE_URL: 'postgres://of-variable/a' }
  const setting = readDatabaseSetting({ databaseUrl: 'postgres://of-option/a' }, env)
  expect(setting).toEqual({ url: 'postgres://of-option/a', origin: '--database-url' })
})

it('prefers the variable over the local stack', () => {
  const env = { DATA_DIR: localStackFolder(), REDIS_URL: 'redis://of-variable' }
  expect(readRedisSetting({}, env)).toEqual({ url: 'redis://of-variable', origin: 'REDIS_URL' })
})

it('reads a variable from its file', () => {
  const folder = localStackFolder()
  const env = { ...noLocalStack, DATABASE_URL_FILE: join(folder, 'database-url') }
  expect(readDatabaseSetting({}, env).url).toBe('postgres://of-stack/a')
})

it('falls back on the local stack', () => {
  const env = { DATA_DIR: localStackFolder() }
  expect(readDatabaseSetting({}, env).url).toBe('postgres://of-stack/a')
  expect(readRedisSetting({}, env).url).toBe('redis://of-stack')
})

it('takes an empty variable for an unset one', () => {
  const env = { DATA_DIR: localStackFolder(), DATABASE_URL: '' }
  expect(readDatabaseSetting({}, env).url).toBe('postgres://of-stack/a')
})

it('names the variable when nothing is set', () => {
  expect(() => readRedisSetting({}, noLocalStack)).toThrow('REDIS_URL is not set')
})

it('names the option whose URL is wrong, without showing it', () => {
  expect(() => readDatabaseSetting({ databaseUrl: 'mysql://user:password@host/a' }, noLocalStack)).toThrow(
    /^--database-url begins with "mysql:": it takes a URL that begins with postgres:\/\/ or postgresql:\/\/$/,
  )
})

it.each([
  [readDirectDatabaseSetting, 'DATABASE_DIRECT_URL'],
  [readReplicaSetting, 'READ_DATABASE_URL'],
] as const)('$1 is read, unless an option names the database', (read, variable) => {
  const env = { ...noLocalStack, DATABASE_URL: 'postgres://usual/a', [variable]: 'postgres://other/a' }
  expect(read({}, env)).toEqual({ url: 'postgres://other/a', origin: variable })
  expect(read({ databaseUrl: 'postgres://given/a' }, env).url).toBe('postgres://given/a')
  expect(read({}, { ...noLocalStack, DATABASE_URL: 'postgres://usual/a' }).url).toBe('postgres://usual/a')
})

it('finds the queue prefix in option, variable and default, in this order', () => {
  expect(readQueuePrefix({ queuePrefix: 'a' }, { QUEUE_PREFIX: 'b' })).toBe('a')
  expect(readQueuePrefix({}, { QUEUE_PREFIX: 'b' })).toBe('b')
  expect(readQueuePrefix({}, {})).toBe('{vss}')
})

it('shows a server without its credentials and parameters', () => {
  expect(displayServer('rediss+cluster://:password@one:7000,two:7001')).toBe(
    'rediss+cluster://one:7000,two:7001',
  )
  expect(displayServer('redis+sentinel://one,two/primary/1?sentinelPassword=password')).toBe(
    'redis+sentinel://one,two/primary/1',
  )
  expect(displayServer('postgres://user:password@db.example.com:5432/vss?password=password')).toBe(
    'postgres://db.example.com:5432/vss',
  )
  expect(displayServer('postgres://user:pass,word@one:5432,[::2]/vss?sslmode=require')).toBe(
    'postgres://one:5432,[::2]/vss',
  )
  expect(displayServer('rediss://:password@db.example.com')).toBe('rediss://db.example.com')
})

function localStackFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vss-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'database-url'), 'postgres://of-stack/a\n')
  writeFileSync(join(folder, 'redis-url'), 'redis://of-stack\n')
  return folder
}
