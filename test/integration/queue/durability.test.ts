import { until } from '@vss-pipeline/local-stack'
import { createProducer, findDurabilityProblems } from '@vss-pipeline/queue'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'

const redis = await startOwnRedis()

const durable = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
}

async function configure(settings: Partial<typeof durable>): Promise<void> {
  for (const [name, value] of Object.entries(settings)) await redis.client.config('SET', name, value)
}

afterEach(() => configure(durable))

test('a Redis that syncs each write and evicts nothing has no problem', async () => {
  expect(await findDurabilityProblems(redis.client)).toEqual([])
})

test.each([
  [
    { appendfsync: 'everysec' },
    'appendfsync is "everysec": a crash loses the last deliveries acknowledged; set always',
  ],
  [{ appendfsync: 'no' }, 'appendfsync is "no": a crash loses the last deliveries acknowledged; set always'],
  [
    { 'no-appendfsync-on-rewrite': 'yes' },
    'no-appendfsync-on-rewrite is "yes": a crash during a rewrite loses the deliveries acknowledged since it began; set no',
  ],
  [
    { appendonly: 'no' },
    'appendonly is off: a crash of Redis loses acknowledged deliveries; set appendonly yes',
  ],
  [
    { 'maxmemory-policy': 'allkeys-lru' },
    'maxmemory-policy is "allkeys-lru": acknowledged deliveries can be evicted; set noeviction',
  ],
])('%j is a problem, and says what to set', async (settings, problem) => {
  await configure(settings)
  expect(await findDurabilityProblems(redis.client)).toEqual([problem])
})

test('all problems are reported at once', async () => {
  await configure({ appendonly: 'no', appendfsync: 'no', 'maxmemory-policy': 'volatile-ttl' })
  expect(await findDurabilityProblems(redis.client)).toEqual([
    expect.stringContaining('maxmemory-policy is "volatile-ttl"'),
    expect.stringContaining('appendonly is off'),
  ])
})

describe('where CONFIG is forbidden, as by many managed servers', () => {
  async function connectRestricted(): Promise<Redis> {
    await redis.client.call('ACL', 'SETUSER', 'restricted', 'on', '>word', '~*', '+@all', '-config')
    const url = new URL(redis.url)
    url.username = 'restricted'
    url.password = 'word'
    const client = new Redis(url.href)
    onTestFinished(() => client.disconnect())
    return client
  }

  test('INFO is judged, and the operator is asked to check the rest', async () => {
    expect(await findDurabilityProblems(await connectRestricted())).toEqual([
      'appendfsync cannot be read here: make sure that it is "always"',
    ])
  })

  test('an eviction policy and a missing append-only file are found by INFO', async () => {
    await configure({ appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' })
    expect(await findDurabilityProblems(await connectRestricted())).toEqual([
      expect.stringContaining('maxmemory-policy is "allkeys-lru"'),
      expect.stringContaining('appendonly is off'),
    ])
  })
})

test('a producer warns of the problems each time it connects', async () => {
  await configure({ appendfsync: 'everysec' })
  const { logger, messages } = createRecordingLogger()
  const producer = createProducer({
    redisUrl: redis.url,
    prefix: freshPrefix(),
    logger,
    commandTimeoutMs: 1_000,
  })
  onTestFinished(() => producer.close())
  const warnings = () => messages('warn').filter((message) => message.includes('everysec')).length
  await until('the warning', () => warnings() === 1, { timeoutMs: 5_000 })
  await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('the warning again', () => warnings() === 2, { timeoutMs: 5_000 })
})
