import { expect, test } from 'vitest'
import { loadConfig } from './config.ts'

const servers = { DATABASE_URL: 'postgres://vss@127.0.0.1/vss', REDIS_URL: 'redis://127.0.0.1' }

test('everything is kept for ever unless a setting says otherwise', () => {
  const { retentionDays } = loadConfig(servers)
  expect(retentionDays).toEqual({ bodies: undefined, deliveries: undefined, sessions: undefined })
})

test('bodies may be kept for as long as the ledger, or for less', () => {
  const env = { ...servers, LEDGER_RETENTION_DAYS: '400', SESSION_RETENTION_DAYS: '30' }
  for (const bodies of [400, 90]) {
    expect(loadConfig({ ...env, BODY_RETENTION_DAYS: `${bodies}` }).retentionDays).toEqual({
      bodies,
      deliveries: 400,
      sessions: 30,
    })
  }
})

test('a body that would be kept for longer than its row of the ledger stops the start', () => {
  const env = { ...servers, BODY_RETENTION_DAYS: '90', LEDGER_RETENTION_DAYS: '30' }
  expect(() => loadConfig(env)).toThrow(
    'BODY_RETENTION_DAYS is 90 but LEDGER_RETENTION_DAYS is 30: it takes 30 or fewer, because a body goes with its row of the ledger',
  )
})

test('a day is the least, because a delivery may wait that long for its rows', () => {
  expect(() => loadConfig({ ...servers, SESSION_RETENTION_DAYS: '0' })).toThrow(
    'SESSION_RETENTION_DAYS is "0": it takes a whole number from 1 to 36500',
  )
})
