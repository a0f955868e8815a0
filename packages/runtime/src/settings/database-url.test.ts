import { join } from 'node:path'
import { expect, test } from 'vitest'
import { databaseUrl } from './database-url.ts'
import { requireVariable } from './variable.ts'

const read = (env: NodeJS.ProcessEnv, name = 'DATABASE_URL') => requireVariable(env, name, databaseUrl())
const thisFile = join(import.meta.dirname, 'database-url.test.ts')

test.each([
  'postgres://vss:a,b@127.0.0.1:5432/vss',
  'postgresql://db.example.com/vss?application_name=a,b',
  'postgres://db.example.com/vss?port=5433',
  `postgres://db.example.com/vss?sslmode=verify-full&sslrootcert=${thisFile}`,
  'postgres:///vss?host=/run/postgresql',
])('%s is taken as it is', (url) => {
  expect(read({ DATABASE_URL: url })).toBe(url)
})

const oneHost = 'DATABASE_URL names several hosts: it takes one, such as an address that follows the primary'

test.each([
  ['postgres://vss:geheim@one:5432,two:5432/vss', oneHost],
  ['postgres://vss:geheim@one,two/vss', oneHost],
  ['postgresql://one,two', oneHost],
  ['postgres://vss:geheim@one/vss?host=one,two', oneHost],
  [
    'postgres://vss:geheim@one/vss?port=99999',
    'DATABASE_URL: port is "99999": it takes a whole number from 0 to 65535',
  ],
  [
    'postgres://vss:geheim@one/vss?port=5432.5',
    'DATABASE_URL: port is "5432.5": it takes a whole number from 0 to 65535',
  ],
  [
    'postgres://vss:geheim@one:99999/vss',
    'DATABASE_URL is not a URL: it takes a URL that begins with postgres:// or postgresql://',
  ],
  [
    'postgres://vss:geheim@one/vss?sslrootcert=/nonexistent/ca.pem',
    'DATABASE_URL: cannot read sslrootcert "/nonexistent/ca.pem" (ENOENT): it takes the path of a readable file',
  ],
  [
    'postgres://vss:geheim@one/vss?sslcert=/nonexistent/client.pem',
    'DATABASE_URL: cannot read sslcert "/nonexistent/client.pem" (ENOENT): it takes the path of a readable file',
  ],
  [
    'postgres://vss:geheim@one/vss?sslkey=/',
    'DATABASE_URL: cannot read sslkey "/" (EISDIR): it takes the path of a readable file',
  ],
])('%s is refused in one line that does not show the password', (url, message) => {
  expect(() => read({ DATABASE_URL: url })).toThrow(
    expect.objectContaining({ code: 'invalid_config', message }),
  )
})

test('the error names the option where the URL came from one', () => {
  const env = { '--database-url': 'postgres://one,two/vss' }
  expect(() => read(env, '--database-url')).toThrow(/^--database-url names several hosts: /)
})

test('the error for an unset URL says what it takes', () => {
  expect(() => read({})).toThrow(
    'DATABASE_URL is not set: it takes a URL that begins with postgres:// or postgresql://',
  )
})
