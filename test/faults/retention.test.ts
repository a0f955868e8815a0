import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@vss-pipeline/local-stack'
import { readRetention } from '@vss-pipeline/reader'
import { expect, onTestFinished, test } from 'vitest'
import {
  expectEveryPostAcknowledged,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'
import { dayStart } from '../support/ledger-partitions.ts'
import { openAdminPool } from '../support/open-storage.ts'

test('a report reads ledger and bodies for 20 s: old partitions wait for it, and flushes hardly', async () => {
  const pipeline = await startFaultyPipeline()
  const report = await openAdminPool(pipeline.postgres.url).connect()
  onTestFinished(() => report.release(true))
  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'retention-report',
    count: 6_000,
    connections: 4,
    async fault() {
      await report.query('BEGIN')
      // A report of one hour locks the tables and their partitions of today, so that others can be made meanwhile.
      const hour = [0, 3_600_000].map((ms) => new Date(dayStart(0).getTime() + ms).toISOString())
      for (const table of ['deliveries', 'bodies']) {
        await report.query(
          `SELECT count(*) FROM vss.${table} WHERE received_at >= '${hour[0]}' AND received_at < '${hour[1]}'`,
        )
      }
      const isStuck = async () =>
        (await readRetention(pipeline.pool)).some(({ stuckPartition }) => stuckPartition !== null)
      await until('A partition that sticks', isStuck, { timeoutMs: 20_000 })
      await pause(20_000)
      await report.query('ROLLBACK')
    },
  })
  expectEveryPostAcknowledged(aftermath)
  expect(pipeline.retention!.longestWaitMs(), 'a wait behind a drop was seen').toBeGreaterThan(0)
  expect(aftermath.recoveredMs).toBeLessThan(30_000)
})
