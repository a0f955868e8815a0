import { expect, expectTypeOf, test } from 'vitest'
import { readSetting, readSettings, type SettingName, type SettingsOf } from './read-settings.ts'

const urls = { REDIS_URL: 'redis://127.0.0.1', DATABASE_URL: 'postgres://127.0.0.1/vss' }

test('a program gets the settings that it reads, with defaults for those that are not set', () => {
  const worker = {
    redisUrl: 'redis://127.0.0.1',
    databaseUrl: 'postgres://127.0.0.1/vss',
    opsHost: '127.0.0.1',
    opsPort: 9465,
    workerConcurrency: 64,
  }
  expect(readSettings(urls, 'worker')).toMatchObject(worker)
  expectTypeOf<Pick<SettingsOf<'worker'>, keyof typeof worker>>().toEqualTypeOf<typeof worker>()
  expect(readSettings({ DATABASE_URL: urls.DATABASE_URL }, 'migrate')).toEqual({
    databaseUrl: urls.DATABASE_URL,
    databaseDirectUrl: undefined,
  })
  expectTypeOf<SettingsOf<'migrate'>>().toEqualTypeOf<{
    databaseUrl: string
    databaseDirectUrl: string | undefined
  }>()
})

test('a setting may be required by one program and optional for another', () => {
  expect(() => readSettings({ ...urls, DATABASE_URL: '' }, 'worker')).toThrow(
    'DATABASE_URL is not set: it takes a URL that begins with postgres:// or postgresql://',
  )
  const { databaseUrl, spoolDir } = readSettings({}, 'npm start')
  expect([databaseUrl, spoolDir]).toEqual([undefined, undefined])
  expectTypeOf(databaseUrl).toEqualTypeOf<string | undefined>()
})

test('a default may be the value of another setting, or differ by program', () => {
  expect(readSetting({ HOST: '::1' }, 'ingest', 'OPS_HOST')).toBe('::1')
  expect(readSetting({ HOST: '::1', OPS_HOST: '::2' }, 'ingest', 'OPS_HOST')).toBe('::2')
  expect(readSetting({}, 'ingest', 'OPS_PORT')).toBe(9464)
  expect(readSetting({}, 'worker', 'OPS_PORT')).toBe(9465)
})

test('a setting that a program does not read is not in its configuration', () => {
  expect(readSettings({ ...urls, PORT: 'wrong' }, 'worker')).not.toHaveProperty('port')
  expectTypeOf<'PORT'>().not.toExtend<SettingName<'worker'>>()
  expectTypeOf<'PORT'>().toExtend<SettingName<'ingest'>>()
})
