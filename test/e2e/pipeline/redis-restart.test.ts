import { join } from 'node:path'
import { generateEvents } from '@vss-pipeline/generator'
import { createTemporaryFolder, startRedis, until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../../support/accounting.ts'
import { startFaultyServer } from '../../support/faulty-server.ts'
import { postUntilAcknowledged } from '../../support/load.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

test('Redis is killed and started again under load: no acknowledged delivery is lost', async () => {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const redis = await startFaultyServer(() => startRedis({ dataDir: join(folder.path, 'redis'), port: 0 }))
  onTestFinished(() => redis.stop())
  const { webhookUrl, pool } = await startRunningPipeline({ redisUrl: redis.url })

  const events = generateEvents({ seed: 'restart', count: 6_000, dirtyShare: 0.05 })
  const load = postUntilAcknowledged(webhookUrl, events, { connections: 32 })
  for (let restarts = 0; restarts < 2; restarts++) {
    const before = await countLedger(pool)
    await until('Progress under load', async () => (await countLedger(pool)) >= before + 500, {
      timeoutMs: 20_000,
    })
    await redis.kill()
    await redis.start()
  }

  const { acknowledged, answers } = await load
  expect(acknowledged).toHaveLength(6_000)
  expect(answers.get('503'), 'refusals while Redis was away').toBeGreaterThan(0)
  await expectAccountedFor(pool, acknowledged, { withinMs: 60_000 })
})
