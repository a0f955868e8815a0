import { until } from '@vss-pipeline/local-stack'
import { createProducer, fetchRedisState } from '@vss-pipeline/queue'
import { expect, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'

const refused = 'connect ECONNREFUSED 127.0.0.1:1'

/** Nobody listens on port 1. test/scale has a cluster and sentinels that answer. */
const unreachable = [
  ['redis://:hunter2@127.0.0.1:1', refused],
  ['redis+cluster://:hunter2@127.0.0.1:1', refused],
  ['redis+sentinel://:hunter2@127.0.0.1:1/vss?sentinelPassword=hunter2', `no sentinel answers: ${refused}`],
] as const

test.each(unreachable)('the error of a short connection to %s says why', async (redisUrl, reason) => {
  const { logger } = createRecordingLogger('silent')
  await expect(fetchRedisState({ redisUrl, prefix: freshPrefix(), logger })).rejects.toThrow(reason)
})

test.each(unreachable)('a producer that cannot reach %s says why, once', async (redisUrl, reason) => {
  const { logger, lines } = createRecordingLogger()
  const producer = createProducer({ redisUrl, prefix: freshPrefix(), logger, commandTimeoutMs: 500 })
  onTestFinished(() => producer.close())
  let attempts = 0
  producer.client.on('error', () => attempts++)
  await until('Further attempts', () => attempts >= 3, { timeoutMs: 10_000 })
  const told = lines.map((line) => JSON.parse(line) as object)
  expect(told).toEqual([expect.objectContaining({ msg: 'Redis is away, reconnecting', reason })])
  expect(lines.join('')).not.toContain('hunter2')
})
