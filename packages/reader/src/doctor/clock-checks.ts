import type { RedisCheckup } from '@vss-pipeline/queue'
import { displaySpan } from '@vss-pipeline/runtime'
import { type ClockReading, clockReading } from '@vss-pipeline/storage'
import type { Check } from '../finding.ts'

/** Receipts are stamped by the clock of ingest, and rows by that of Postgres. */
const largestDifferenceMs = 2_000

export interface ClockFacts {
  readonly redis: RedisCheckup
  /** Undefined where Postgres is away. */
  readonly databaseClock: ClockReading | undefined
}

/** Clocks are compared with that of Redis, by which the watermark goes. */
export const clockChecks = [
  {
    code: 'clocks_differ',
    level: 'warning',
    remedy: 'set the clocks by NTP: times of receipt, and the watermark, go by them',
    find({ redis, databaseClock }) {
      const processes = redis.processes.running.map(({ service, place, clockMs, toldAtMs }) => ({
        name: `${service} on ${JSON.stringify(place)}`,
        // A report is on its way for a moment, or for longer where Redis is slow.
        reading: { aheadMs: clockMs - toldAtMs, uncertaintyMs: 0 },
      }))
      const ofRedis = clockReading(redis.clock)
      const postgres =
        databaseClock === undefined
          ? []
          : [
              {
                name: 'Postgres',
                reading: {
                  aheadMs: databaseClock.aheadMs - ofRedis.aheadMs,
                  uncertaintyMs: databaseClock.uncertaintyMs + ofRedis.uncertaintyMs,
                },
              },
            ]
      return [...postgres, ...processes]
        .filter(({ reading }) => Math.abs(reading.aheadMs) - reading.uncertaintyMs > largestDifferenceMs)
        .map(({ name, reading: { aheadMs } }) => {
          const direction = aheadMs > 0 ? 'ahead of' : 'behind'
          return `the clock of ${name} is ${displaySpan(Math.abs(aheadMs) / 1_000)} ${direction} that of Redis`
        })
    },
  },
] as const satisfies readonly Check<ClockFacts>[]
