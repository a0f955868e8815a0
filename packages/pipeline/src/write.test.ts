import { createProgress } from '@vss-pipeline/runtime'
import { StorageFault } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { createRecordingLogger } from '../../../test/support/recording-logger.ts'
import { createWrite } from './write.ts'

test('a database that is away is asked again within a second, however often it was asked before', async () => {
  const triedAtMs: number[] = []
  const { logger, messages } = createRecordingLogger()
  const { write } = createWrite({
    writer: {
      async write() {
        triedAtMs.push(performance.now())
        if (triedAtMs.length <= 7) throw new StorageFault('database_unavailable', 'away')
        return []
      },
    },
    metrics: { flushed: () => undefined, settled: () => undefined },
    logger,
    progress: createProgress({ stuckAfterMs: 60_000 }),
    stopping: new AbortController().signal,
  })

  await write([])

  const pausesMs = triedAtMs.slice(1).map((at, index) => at - triedAtMs[index]!)
  expect(pausesMs).toHaveLength(7)
  // 800 ms at most, by timers that a busy machine delays. Without that bound the last would be 3 s and more.
  expect(Math.max(...pausesMs)).toBeLessThan(2_000)
  expect(messages('warn')).toEqual(['the database is away: batches wait in hand'])
})
