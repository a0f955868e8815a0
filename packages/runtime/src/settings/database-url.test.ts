import { join } from 'node:path'
import { expect, test } from 'vitest'
import { databaseUrl, parseDatabaseUrl } from './database-url.ts'
import { requireVariable } from './variable.ts'

const read = (env: NodeJS.ProcessEnv, name = 'DATABASE_URL') =>
  requireVariable(env, name, databaseUrl({ isWritten: true }))
const thisFile = join(import.meta.dirname, 'database-url.test.ts')

test.each([
  'postgres://vss:a,b@127.0.0.1:5432/vss',
  'postgresql://db.example.com/vss?application_name=a,b',
  'postgres://db.example.com/vss?port=5433',
  `postgres://db.example.com/vss?sslmode=verify-full&sslrootcert=${thisFile}`,
  'postgres:///vss?host=/run/postgresql',
  'postgres://vss:a,b@one:5432,two:5433/vss?target_session_attrs=read-write',
  'postgres://[::1]:5432,[::2]/vss?target_session_attrs=primary',
])('%s is taken as it is', (url) => {
  expect(read({ DATABASE_URL: url })).toBe(url)
})

test.each([
  [
    'postgres://vss:geheim@one,two/vss',
    'DATABASE_URL names several hosts, and not which of them it wants: it takes target_session_attrs=read-write as well',
  ],
  [
    'postgres://vss:geheim@one,,two/vss',
    'DATABASE_URL has an empty place among its hosts: it takes host:port,host:port',
  ],
  [
    'postgres://vss:geheim@one,two,three,four,five,six/vss',
    'DATABASE_URL names 6 hosts: it takes 5 or fewer',
  ],
  [
    'postgres://vss:geheim@one,two:99999/vss',
    'DATABASE_URL is not a URL: it takes a URL that begins with postgres:// or postgresql://',
  ],
  [
    'postgres://vss:geheim@one/vss?host=one,two',
    'DATABASE_URL: host has several names: it takes them before the database, as host:port,host:port',
  ],
  [
    'postgres://vss:geheim@one,two/vss?target_session_attrs=master',
    'DATABASE_URL: target_session_attrs is "master": it takes any, read-write, read-only, primary, standby or prefer-standby',
  ],
  [
    'postgres://vss:geheim@one/vss?sslmode=no-verify',
    'DATABASE_URL: sslmode is "no-verify": it takes disable, allow, prefer, require, verify-ca or verify-full',
  ],
  [
    'postgres://vss:geheim@one/vss?sslmode=verify-ca',
    'DATABASE_URL: sslmode=verify-ca needs sslrootcert, because anybody may have a public certificate; or write verify-full',
  ],
  [
    'postgres://vss:geheim@one/vss?sslmode=require&sslrootcert=system',
    'DATABASE_URL: sslrootcert=system takes sslmode=verify-full: anybody may have a public certificate',
  ],
  [
    'postgres://vss:geheim@one/vss?sslnegotiation=direct',
    'DATABASE_URL: sslnegotiation=direct takes sslmode=require, verify-ca or verify-full',
  ],
  [
    'postgres://vss:geheim@one/vss?ssl=true',
    'DATABASE_URL: ssl is not taken: write sslmode=verify-full, or another mode',
  ],
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

test('each host of a URL gets a URL of its own, without what is about all of them', () => {
  const { hosts, sessionAttributes } = parseDatabaseUrl(
    `postgres://vss:a%2Cb,c@one:5432,[::2]/vss?target_session_attrs=primary&sslmode=verify-ca&sslrootcert=${thisFile}&options=-c%20a`,
  )
  expect(hosts).toEqual([
    { name: 'one:5432', url: 'postgres://vss:a%2Cb,c@one:5432/vss?options=-c+a' },
    { name: '[::2]', url: 'postgres://vss:a%2Cb,c@[::2]/vss?options=-c+a' },
  ])
  expect(sessionAttributes).toBe('primary')
})

test.each([
  ['', 'disable'],
  [`?sslrootcert=${thisFile}`, 'verify-full'],
  ['?sslrootcert=system', 'verify-full'],
  ['?sslmode=require', 'require'],
  ['?sslmode=prefer', 'prefer'],
])('with "%s" the mode of TLS is %s', (parameters, mode) => {
  expect(parseDatabaseUrl(`postgres://one/vss${parameters}`).tls.mode).toBe(mode)
})

test('the error names the option where the URL came from one', () => {
  const env = { '--database-url': 'postgres://one,/vss' }
  expect(() => read(env, '--database-url')).toThrow(/^--database-url has an empty place among its hosts: /)
})

test('a replica may be any of several hosts', () => {
  const url = 'postgres://one,two/vss'
  expect(requireVariable({ READ_DATABASE_URL: url }, 'READ_DATABASE_URL', databaseUrl())).toBe(url)
})

test('the error for an unset URL says what it takes', () => {
  expect(() => read({})).toThrow(
    'DATABASE_URL is not set: it takes a URL that begins with postgres:// or postgresql://',
  )
})
