import { expect, test } from 'vitest'
import { loadConfig } from './config.ts'

test('a database of several hosts stops the start, in a line that does not show the URL', () => {
  const env = { REDIS_URL: 'redis://127.0.0.1', DATABASE_URL: 'postgres://vss:geheim@one,two/vss' }
  expect(() => loadConfig(env)).toThrow(
    'DATABASE_URL names several hosts: it takes one, such as an address that follows the primary',
  )
})
