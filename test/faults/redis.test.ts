import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startFaultyPipeline, surviveUnderLoad } from './faulty-pipeline.ts'

test('Redis is killed and started again', async () => {
  const pipeline = await startFaultyPipeline()
  const { answers, recoveredMs } = await surviveUnderLoad(pipeline, {
    seed: 'redis-killed',
    count: 5_000,
    async fault() {
      await pipeline.redis.kill()
      await pause(2_000)
      await pipeline.redis.start()
    },
  })
  expect([...answers.keys()], 'every POST is acknowledged at its first try').toEqual(['200'])
  expect(recoveredMs).toBeLessThan(30_000)
})
