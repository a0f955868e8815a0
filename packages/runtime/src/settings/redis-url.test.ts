import { describe, expect, test } from 'vitest'
import { parseRedisUrl, redisHosts, redisUrl } from './redis-url.ts'
import { requireVariable } from './variable.ts'

const read = (url: string) => requireVariable({ REDIS_URL: url }, 'REDIS_URL', redisUrl())

function errorOf(url: string): string {
  try {
    read(url)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test.each([
  'redis://127.0.0.1:6379',
  'rediss://user:p%40ss@redis.internal:6380/2',
  'redis+cluster://one:7000,two:7000',
  'rediss+sentinel://user:word@one,two,three/primary/1?sentinelPassword=other',
])('%s is taken as it stands', (url) => {
  expect(read(`${url}\n`)).toBe(url)
})

describe('a cluster', () => {
  test('has several nodes, with a port or that of Redis', () => {
    expect(parseRedisUrl('redis+cluster://10.0.0.1:7000,redis-2.internal,[2001:db8::1]:7001')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: '10.0.0.1', port: 7_000 },
        { host: 'redis-2.internal', port: 6_379 },
        { host: '2001:db8::1', port: 7_001 },
      ],
      tls: false,
    })
  })

  test('has a password with or without a user name, and TLS', () => {
    const common = { kind: 'cluster', nodes: [{ host: 'one', port: 6_379 }], tls: true }
    expect(parseRedisUrl('rediss+cluster://:p%2Fw%40%2C%25@one')).toEqual({ ...common, password: 'p/w@,%' })
    expect(parseRedisUrl('rediss+cluster://vss:a:b,@c@one/')).toEqual({
      ...common,
      username: 'vss',
      password: 'a:b,@c',
    })
  })
})

describe('sentinels', () => {
  test('name a primary and a database, and have credentials of their own', () => {
    const url =
      'REDIS+sentinel://vss:a%3Ab@one,two:26380/my%20primary/3?sentinelUsername=watcher&sentinelPassword=p%26w'
    expect(parseRedisUrl(url)).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 26_380 },
      ],
      name: 'my primary',
      database: 3,
      tls: false,
      username: 'vss',
      password: 'a:b',
      sentinel: { username: 'watcher', password: 'p&w' },
    })
  })

  test('need no more than a host and a name', () => {
    expect(parseRedisUrl('redis+sentinel://one/primary')).toMatchObject({ database: 0, sentinel: {} })
  })
})

const cluster = 'it takes redis+cluster://user:password@host:port,host:port'
const sentinel = 'it takes redis+sentinel://user:password@host:port,host:port/NAME'
const takes =
  'it takes a URL that begins with redis://, redis+cluster:// or redis+sentinel://, or with rediss in place of redis for TLS'

test.each([
  ['http://:hunter2@one', `begins with "http:": ${takes}`],
  ['redis+other://:hunter2@one', `begins with "redis+other:": ${takes}`],
  ['hunter2', `is not a URL: ${takes}`],
  ['redis:// hunter2:x', `is not a URL: ${takes}`],
  ['redis+cluster://', `has a host that cannot be read: ${cluster}`],
  ['redis+cluster://:hunter2@one,,two', `has a host that cannot be read: ${cluster}`],
  ['redis+cluster://:hunter2@one:0', `has a host that cannot be read: ${cluster}`],
  ['redis+cluster://:hunter2@one:65536', `has a host that cannot be read: ${cluster}`],
  ['redis+cluster://:hunter2@[one]:7000', `has a host that cannot be read: ${cluster}`],
  ['redis+cluster://:hunt/er2@one', `has a host that cannot be read: ${cluster}`],
  ['redis+cluster://hunter2@one', `has a user without a password: ${cluster}`],
  ['redis+cluster://:hunter2%@one', `has a % that begins no code such as %2F: ${cluster}`],
  ['redis+cluster://:hunter2@one/2', `has a path, but a cluster has one database only: ${cluster}`],
  ['redis+cluster://:hunter2@one?password=hunter2', `has parameters: ${cluster}`],
  ['redis+cluster://:hunter2@one#hunter2', `cannot be read: ${cluster}`],
  [`redis+cluster://${'one,'.repeat(100)}one`, `has more than 100 hosts: ${cluster}`],
  ['redis+sentinel://:hunter2@one', `has no name of a primary: ${sentinel}`],
  [
    'redis+sentinel://:hunter2@one/primary/hunter2',
    `has more after the name of the primary than the number of a database: ${sentinel}`,
  ],
  [
    'redis+sentinel://one/primary?hunter2=',
    `has other parameters than sentinelUsername and sentinelPassword: ${sentinel}`,
  ],
  [
    'redis+sentinel://one/primary?sentinelUsername=watcher',
    `has a sentinelUsername without a sentinelPassword: ${sentinel}`,
  ],
])('%s is refused in one line that shows no password', (url, message) => {
  expect(errorOf(url)).toBe(`REDIS_URL ${message}`)
  expect(errorOf(url)).not.toContain('hunter2')
})

test.each([
  ['redis://:word@[::1]', [{ host: '::1', port: 6_379 }]],
  [
    'rediss+cluster://:word@one:1,two:2',
    [
      { host: 'one', port: 1 },
      { host: 'two', port: 2 },
    ],
  ],
  ['redis+sentinel://one/primary', [{ host: 'one', port: 26_379 }]],
])('the hosts of %s are known', (url, hosts) => {
  expect(redisHosts(url)).toEqual(hosts)
})
