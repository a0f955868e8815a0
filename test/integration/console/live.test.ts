import { until } from '@vss-pipeline/local-stack'
import { createQueueReader } from '@vss-pipeline/queue'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createLive, type LiveState } from '../../../services/console/src/live.ts'
import { freshPrefix } from '../../support/batches.ts'
import { openStorage } from '../../support/open-storage.ts'
import { createRecordingLogger } from '../../support/recording-logger.ts'

test('ten who look cost as much as one, and nothing is read when nobody looks', async () => {
  const { pool } = await openStorage()
  const { logger } = createRecordingLogger('info')
  const queue = createQueueReader({ redisUrl: inject('redisUrl'), prefix: freshPrefix(), logger })
  onTestFinished(() => queue.close())
  let reads = 0
  pool.on('acquire', () => reads++)
  const live = createLive({ pool, queue, nowMs: Date.now })

  async function readsOfTwoStates(viewers: number): Promise<number> {
    const seen = Array.from({ length: viewers }, () => [] as LiveState[])
    const stops = seen.map((states) => live.subscribe((state) => void states.push(state)))
    reads = 0
    await until('Two states', () => seen.every((states) => states.length === 2), { timeoutMs: 15_000 })
    for (const stop of stops) stop!()
    expect(new Set(seen.flat()).size).toBe(2)
    return reads
  }
  const ofOne = await readsOfTwoStates(1)
  expect(ofOne).toBeGreaterThan(0)
  expect(await readsOfTwoStates(10)).toBe(ofOne)

  const [first, second] = [await live.current(), await live.current()]
  expect(second).toBe(first)
})

test('no more listen than a bound allows', async () => {
  const { pool } = await openStorage()
  const { logger } = createRecordingLogger('info')
  const queue = createQueueReader({ redisUrl: inject('redisUrl'), prefix: freshPrefix(), logger })
  onTestFinished(() => queue.close())
  const live = createLive({ pool, queue, nowMs: Date.now })
  const stops = Array.from({ length: 201 }, () => live.subscribe(() => undefined))
  expect(stops.filter((stop) => stop === null)).toHaveLength(1)
  for (const stop of stops) stop?.()
  const again = live.subscribe(() => undefined)
  expect(again).not.toBeNull()
  again!()
})
