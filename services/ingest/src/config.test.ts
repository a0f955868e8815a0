import { ConfigError } from '@vss-pipeline/runtime'
import { describe, expect, test } from 'vitest'
import { loadConfig } from './config.ts'

const required = { REDIS_URL: 'redis://127.0.0.1:6379' }

function errorOf(env: NodeJS.ProcessEnv): string {
  try {
    loadConfig({ ...required, ...env })
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message
  }
  throw new Error('no error was thrown')
}

/** All settings but those of traces, which are OpenTelemetry's. */
function ownSettings(env: NodeJS.ProcessEnv): object {
  const settings = Object.entries(loadConfig(env))
  return Object.fromEntries(settings.filter(([name]) => !name.startsWith('otel')))
}

test('only REDIS_URL is required; the rest has defaults', () => {
  expect(ownSettings(required)).toEqual({
    host: '127.0.0.1',
    port: 8080,
    opsHost: '127.0.0.1',
    opsPort: 9464,
    redisUrl: 'redis://127.0.0.1:6379',
    redisWaitReplicas: 0,
    queuePrefix: '{vss}',
    queueShards: 1,
    webhookSecrets: [],
    webhookSecretsFile: undefined,
    webhookAuthHeader: 'authorization',
    allowUnauthenticated: false,
    allowedIps: [],
    trustedProxies: [],
    maxBodyBytes: 65_536,
    maxConnections: 4_096,
    requestTimeoutMs: 10_000,
    keepAliveTimeoutMs: 620_000,
    enqueueTimeoutMs: 500,
    spoolDir: undefined,
    spoolMaxBytes: 1024 ** 3,
    maxWaitingBytes: 64 * 1024 ** 2,
    logLevel: 'info',
    shutdownTimeoutMs: 20_000,
  })
  expect(() => loadConfig({})).toThrow(
    'REDIS_URL is not set: it takes a URL that begins with redis://, redis+cluster:// or redis+sentinel://, or with rediss in place of redis for TLS',
  )
})

test('every variable is read', () => {
  const env = {
    HOST: '0.0.0.0',
    PORT: '0',
    OPS_HOST: '10.0.0.5',
    OPS_PORT: '1',
    REDIS_URL: 'rediss://a',
    QUEUE_SHARDS: '3',
    QUEUE_PREFIX: '{b}',
    REDIS_WAIT_REPLICAS: '2',
    WEBHOOK_SECRETS: 'Basic dXNlcjpwYXNz, Bearer with spaces in it',
    WEBHOOK_AUTH_HEADER: 'X-Secret',
    ALLOW_UNAUTHENTICATED: 'true',
    ALLOWED_IPS: '203.0.113.0/24, 2001:db8::/32, 198.51.100.7',
    TRUSTED_PROXIES: '10.0.0.0/8',
    MAX_BODY_BYTES: '1024',
    MAX_CONNECTIONS: '10',
    REQUEST_TIMEOUT_MS: '100',
    KEEP_ALIVE_TIMEOUT_MS: '3600000',
    ENQUEUE_TIMEOUT_MS: '10',
    SPOOL_DIR: '/var/spool/vss',
    SPOOL_MAX_BYTES: '2000000',
    MAX_WAITING_BYTES: '3000000',
    LOG_LEVEL: 'debug',
    SHUTDOWN_TIMEOUT_MS: '100',
  }
  expect(ownSettings(env)).toEqual({
    host: '0.0.0.0',
    opsHost: '10.0.0.5',
    port: 0,
    opsPort: 1,
    redisUrl: 'rediss://a',
    queuePrefix: '{b}',
    queueShards: 3,
    redisWaitReplicas: 2,
    webhookSecrets: ['Basic dXNlcjpwYXNz', 'Bearer with spaces in it'],
    webhookAuthHeader: 'x-secret',
    allowUnauthenticated: true,
    allowedIps: ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7'],
    trustedProxies: ['10.0.0.0/8'],
    maxBodyBytes: 1024,
    maxConnections: 10,
    requestTimeoutMs: 100,
    keepAliveTimeoutMs: 3_600_000,
    enqueueTimeoutMs: 10,
    webhookSecretsFile: undefined,
    spoolDir: '/var/spool/vss',
    spoolMaxBytes: 2_000_000,
    maxWaitingBytes: 3_000_000,
    logLevel: 'debug',
    shutdownTimeoutMs: 100,
  })
})

test('OPS_HOST is HOST unless it is set', () => {
  expect(loadConfig({ ...required, HOST: '::1' }).opsHost).toBe('::1')
})

describe('a host that others can reach', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'ingest.internal', '::ffff:127.0.0.1'])(
    '%s is refused without a secret',
    (host) => {
      expect(errorOf({ HOST: host })).toBe(
        `HOST is "${host}" but WEBHOOK_SECRETS is not set: set a secret, or ALLOW_UNAUTHENTICATED=true to accept anyone's POST`,
      )
    },
  )

  test('is refused with a secret that could be guessed, which is not shown', () => {
    const weak = { HOST: '0.0.0.0', WEBHOOK_SECRETS: 'long enough, it is,change-me' }
    for (const env of [weak, { ...weak, ALLOW_UNAUTHENTICATED: 'true' }]) {
      expect(errorOf(env)).toBe(
        'WEBHOOK_SECRETS has a secret of 11 characters: it takes 16 or more unless HOST is loopback',
      )
    }
    expect(loadConfig({ ...required, WEBHOOK_SECRETS: 'change-me' }).webhookSecrets).toEqual(['change-me'])
  })

  test('is taken with a secret, or with ALLOW_UNAUTHENTICATED', () => {
    expect(loadConfig({ ...required, HOST: '0.0.0.0', WEBHOOK_SECRETS: 'x'.repeat(16) }).host).toBe('0.0.0.0')
    expect(loadConfig({ ...required, HOST: '0.0.0.0', ALLOW_UNAUTHENTICATED: 'true' }).host).toBe('0.0.0.0')
    expect(errorOf({ HOST: '0.0.0.0', ALLOW_UNAUTHENTICATED: 'false' })).toContain('ALLOW_UNAUTHENTICATED')
  })
})

test.each([{}, { HOST: '0.0.0.0' }, { ALLOW_UNAUTHENTICATED: 'true' }])(
  'WEBHOOK_SECRETS that is set but holds no secret is refused: %j',
  (env) => {
    expect(errorOf({ ...env, WEBHOOK_SECRETS: ',' })).toContain('WEBHOOK_SECRETS is set but holds no secret')
  },
)

test.each(['127.0.0.1', '127.8.8.8', 'localhost', '::1', ''])('loopback %j needs no secret', (host) => {
  expect(loadConfig({ ...required, HOST: host }).webhookSecrets).toEqual([])
})

describe('a wrong value is refused in one line', () => {
  const addresses = 'it takes addresses or CIDRs, such as 203.0.113.7 or 203.0.113.0/24'
  test.each([
    [{ PORT: '65536' }, 'PORT is "65536": it takes a whole number from 0 to 65535'],
    [{ OPS_PORT: '-1' }, 'OPS_PORT is "-1": it takes a whole number from 0 to 65535'],
    [{ MAX_BODY_BYTES: '64k' }, 'MAX_BODY_BYTES is "64k": it takes a whole number from 1024 to 16777216'],
    [{ ENQUEUE_TIMEOUT_MS: '0' }, 'ENQUEUE_TIMEOUT_MS is "0": it takes a whole number from 10 to 60000'],
    [
      { SHUTDOWN_TIMEOUT_MS: '1s' },
      'SHUTDOWN_TIMEOUT_MS is "1s": it takes a whole number from 100 to 600000',
    ],
    [
      { LOG_LEVEL: 'verbose' },
      'LOG_LEVEL is "verbose": it takes one of trace, debug, info, warn, error, fatal, silent',
    ],
    [
      { REDIS_URL: 'http://hunter2@h' },
      'REDIS_URL begins with "http:": it takes a URL that begins with redis://, redis+cluster:// or redis+sentinel://, or with rediss in place of redis for TLS',
    ],
    [
      { WEBHOOK_AUTH_HEADER: 'X Secret' },
      'WEBHOOK_AUTH_HEADER is "x secret": it takes the name of a request header',
    ],
    [{ ALLOW_UNAUTHENTICATED: 'yes' }, 'ALLOW_UNAUTHENTICATED is "yes": it takes true or false'],
    [{ ALLOWED_IPS: '203.0.113.0/33' }, `ALLOWED_IPS has "203.0.113.0/33": ${addresses}`],
    [{ ALLOWED_IPS: '2001:db8::/129' }, `ALLOWED_IPS has "2001:db8::/129": ${addresses}`],
    [{ ALLOWED_IPS: '10.0.0.1,example.com' }, `ALLOWED_IPS has "example.com": ${addresses}`],
    [{ ALLOWED_IPS: '10.0.0.0/' }, `ALLOWED_IPS has "10.0.0.0/": ${addresses}`],
    [{ ALLOWED_IPS: 'fe80::1%eth0' }, `ALLOWED_IPS has "fe80::1%eth0": ${addresses}`],
    [{ ALLOWED_IPS: '10.0.0.0/8/8' }, `ALLOWED_IPS has "10.0.0.0/8/8": ${addresses}`],
    [{ TRUSTED_PROXIES: '10.0.0.0/-1' }, `TRUSTED_PROXIES has "10.0.0.0/-1": ${addresses}`],
    [{ TRUSTED_PROXIES: '10.0.0.0 - 10.0.0.9' }, `TRUSTED_PROXIES has "10.0.0.0 - 10.0.0.9": ${addresses}`],
  ])('%j', (env, message) => {
    expect(errorOf(env)).toBe(message)
  })
})

test('an error shows no secret', () => {
  expect(errorOf({ WEBHOOK_SECRETS: 'hunter2', PORT: 'x' })).not.toContain('hunter2')
})
