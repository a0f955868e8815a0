import { receivedAtMsOf } from '@vss-pipeline/delivery'
import { until } from '@vss-pipeline/local-stack'
import { repeatEvery } from '@vss-pipeline/runtime'
import { closePool, createPool, inTransaction } from '@vss-pipeline/storage'
import { expect, onTestFinished } from 'vitest'

/** Readings of `vss.watermark` and of the ledger. */
export interface WatermarkSamples {
  /** Expects that each delivery before the watermark was in the ledger when the watermark passed it. */
  expectTrue(acknowledgedIds: readonly string[]): void
  /** Waits until the watermark has passed all of them, but for those of a clock that is ahead. @returns milliseconds. */
  untilPassed(acknowledgedIds: readonly string[], options: { timeoutMs: number }): Promise<number>
}

const intervalMs = 100

/**
 * Reads the watermark ten times a second until the test has finished, together with the ledger's deliveries that it has
 * passed since the last time, in one snapshot. Where Postgres is away, it reads again later.
 */
export function sampleWatermark(databaseUrl: string): WatermarkSamples {
  const pool = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-test-watermark' })
  const passed = new Set<string>()
  let passedMs = Number.NEGATIVE_INFINITY

  async function sample(): Promise<void> {
    await inTransaction(
      pool,
      async (client) => {
        const { rows } = await client.query<{ untilMs: number | null }>(
          `SELECT round(extract(epoch FROM complete_until) * 1000)::double precision AS "untilMs" FROM vss.watermark`,
        )
        const untilMs = rows[0]!.untilMs ?? Number.NEGATIVE_INFINITY
        expect(untilMs, 'the watermark never goes back').toBeGreaterThanOrEqual(passedMs)
        if (untilMs === passedMs) return
        const ledger = await client.query<{ id: string }>(
          `SELECT delivery_id AS id FROM vss.deliveries
           WHERE received_at >= coalesce(to_timestamp($1::double precision / 1000), '-infinity')
             AND received_at < to_timestamp($2::double precision / 1000)`,
          [Number.isFinite(passedMs) ? passedMs : null, untilMs],
        )
        for (const { id } of ledger.rows) passed.add(id)
        passedMs = untilMs
      },
      'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
    ).catch((error: Error) => {
      if (error.name === 'AssertionError') wentBack = error
    })
  }
  let wentBack: Error | undefined

  const stop = repeatEvery(intervalMs, sample)
  onTestFinished(async () => {
    stop()
    await closePool(pool)
  })

  return {
    expectTrue(acknowledgedIds) {
      if (wentBack) throw wentBack
      const missed = acknowledgedIds.filter((id) => receivedAtMsOf(id) < passedMs && !passed.has(id))
      expect(
        missed,
        'acknowledged deliveries that the watermark passed before they were in the ledger',
      ).toEqual([])
    },
    async untilPassed(acknowledgedIds, { timeoutMs }) {
      const receipts = acknowledgedIds.map(receivedAtMsOf).filter((receipt) => receipt <= Date.now())
      const newest = receipts.reduce((latest, receipt) => Math.max(latest, receipt), 0)
      const startedAt = performance.now()
      await until('A watermark beyond all deliveries', () => passedMs > newest, { timeoutMs })
      return Math.round(performance.now() - startedAt)
    },
  }
}
