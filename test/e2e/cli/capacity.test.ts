import { until } from '@vss-pipeline/local-stack'
import { describe, expect, it, test } from 'vitest'
import { connectionsOf } from '../../../services/cli/src/capacity/model.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

const redis = await startOwnRedis()

describe('vss capacity', () => {
  it('shows the first limit of 10^9 events a day, and the means of each pipeline', async () => {
    const { exitCode, stdout, stderr } = await vss(['capacity', '--events-per-day', '1e9', '--peak', '4'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^1 billion events a day: 11,574 a second, 46,296 at the peak\.\n/)
    expect(stdout).toMatch(/THE FIRST LIMIT IS AT THE TOP .*\nPostgres: disk operations /)
    expect(stdout).toMatch(/\d+ pipelines, each with a Postgres and a Redis for some of the sub-accounts/)
    for (const part of ['ingest', 'Redis', 'worker', 'Postgres']) {
      expect(stdout).toMatch(new RegExp(`^${part} +\\d+ +[\\d.]+ `, 'm'))
    }
    expect(stdout).toContain('With ledger, sessions and legs in daily partitions')
    expect(linesOver80Columns(stdout)).toEqual([])
  })

  it('exits with 1 when the given numbers are too few, and says of which', async () => {
    const load = ['--events-per-day', '400M', '--postgres-iops', '1000000']
    const { exitCode, stdout } = await vss(['capacity', ...load, '--pipelines', '1', '--workers', '1'])
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/^Too few in a pipeline:\n( {2}.*\n)* {2}worker: \d+ needed for CPU$/m)
    expect(linesOver80Columns(stdout)).toEqual([])
  })

  it('says the same as JSON', async () => {
    const { exitCode, stdout } = await vss([
      'capacity',
      '--events-per-day',
      '2.5M',
      '--bodies',
      '7d',
      '--json',
    ])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      eventsPerDay: 2_500_000,
      peak: 4,
      retentionDays: { bodies: 7, ledger: 30, sessions: 30 },
      pipelines: 1,
      tooFew: [],
      each: { ingest: { count: 2 }, worker: { count: 2 }, redis: { count: 1, queueShards: 1 } },
    })
  })

  it('exits with 2 for a load that it cannot read', async () => {
    const { exitCode, stdout, stderr } = await vss(['capacity', '--events-per-day', 'many'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain("'many' is invalid. It takes a count from 1 to 1e12, such as 250k, 10M or 1e9")
  })
})

test.each([1, 3])(
  'ingest and a worker have as many connections as vss capacity says, with %d shards',
  async (queueShards) => {
    const { pool } = await startRunningPipeline({
      redisUrl: redis.url,
      env: { QUEUE_SHARDS: String(queueShards) },
    })
    const model = connectionsOf({ ingest: 1, worker: 1, redis: 1, queueShards })
    // Beside the services is this test's own connection, where the model counts a console.
    await until(
      `${model.redis} connections to Redis`,
      async () =>
        String(await redis.client.client('LIST'))
          .trim()
          .split('\n').length === model.redis,
      { timeoutMs: 20_000 },
    )
    const { rows } = await pool.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM pg_stat_activity
     WHERE application_name = 'vss-worker' AND datname = current_database()`,
    )
    expect(rows[0]!.count).toBeLessThanOrEqual(model.postgres - 8)
  },
)
