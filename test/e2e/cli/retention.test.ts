import { until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { delivery, session } from '../../support/entries.ts'
import { bodiesOf, dayStart } from '../../support/ledger-partitions.ts'
import { openStorage } from '../../support/open-storage.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { readMetric } from '../../support/service-metric.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

const day = 86_400_000

test('a worker lets go of what its settings say, and tells the age of the oldest row', async () => {
  const { url, writer } = await openStorage()
  await writer.write([20, 3].map((days) => delivery(session(), { receivedAtMs: Date.now() - days * day })))
  const pipeline = await startRunningPipeline({
    databaseUrl: url,
    env: { BODY_RETENTION_DAYS: '1', LEDGER_RETENTION_DAYS: '10', SESSION_RETENTION_DAYS: '10' },
  })

  const counts = `SELECT (SELECT count(*) FROM vss.bodies)::integer AS bodies,
    (SELECT count(*) FROM vss.deliveries)::integer AS deliveries, (SELECT count(*) FROM vss.sessions)::integer AS sessions`
  const isDone = async () => {
    const { rows } = await pipeline.pool.query(counts)
    return rows[0].bodies === 0 && rows[0].deliveries === 1 && rows[0].sessions === 1
  }
  await until('The end of old rows', isDone, { timeoutMs: 15_000 })

  const { opsUrl } = pipeline.workers[0]!
  const age = (kind: string) => readMetric(opsUrl, `vss_retention_oldest_seconds{kind="${kind}"}`)
  await until('The age of the oldest session', async () => (await age('sessions')) > 0, { timeoutMs: 15_000 })
  expect((await age('deliveries')) / 86_400).toBeCloseTo(3, 1)
  expect(await age('bodies')).toBe(0)
})

test('vss retention shows what would go, and changes nothing', async () => {
  const { pool, url, writer } = await openStorage()
  const env = { DATABASE_URL: url }
  const range = [dayStart(-20), dayStart(-19)]
  await pool.query('SELECT vss.make_partition($1, $2, $3, $4)', ['bodies', bodiesOf(-20), ...range])
  const receipts = [dayStart(-20).getTime(), dayStart(-15).getTime(), Date.now()]
  await writer.write(receipts.map((receivedAtMs) => delivery(session(), { receivedAtMs })))
  const oldestDay = dayStart(-20).toISOString().slice(0, 10)

  const kept = await vss(['retention'], env)
  expect(kept).toMatchObject({ exitCode: 0, stderr: '' })
  expect(kept.stdout).toMatch(new RegExp(`^sessions +for ever +- +${oldestDay} +nothing$`, 'm'))

  const { stdout, exitCode } = await vss(['retention', '--bodies', '10', '--sessions', '17'], env)
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^bodies +10 days +\S+ +\S+ +1 partition of [\d.]+ KiB, 1 row$/m)
  expect(stdout).toMatch(/^ledger +for ever +- +\S+ +nothing$/m)
  expect(stdout).toMatch(/^sessions +17 days +\S+ +\S+ +1 row$/m)
  expect(linesOver80Columns(stdout)).toEqual([])

  const { kinds } = JSON.parse((await vss(['retention', '--ledger', '10', '--json'], env)).stdout)
  expect(kinds).toMatchObject([
    {
      kind: 'bodies',
      days: 10,
      partitions: [{ name: bodiesOf(-20) }],
      rows: 1,
      oldestAt: dayStart(-20).toISOString(),
    },
    { kind: 'deliveries', days: 10, rows: 2 },
    { kind: 'sessions', days: null, rows: 0 },
  ])
  expect((await pool.query('SELECT FROM vss.sessions')).rowCount).toBe(3)
})

test('a worker that is set to less than the floor says so, and vss retention counts by the floor', async () => {
  const { pool, url } = await openStorage()
  await pool.query(`INSERT INTO vss.retention_floor (kind, days) VALUES ('sessions', 90)`)
  const { log } = await startRunningPipeline({ databaseUrl: url, env: { SESSION_RETENTION_DAYS: '10' } })

  const warning = await until('A warning', () => log.find((line) => line.includes('vss.retention_floor')), {
    timeoutMs: 15_000,
  })

  expect(JSON.parse(warning)).toMatchObject({ level: 'warn', kinds: ['sessions'], floor: { sessions: 90 } })
  const { stdout } = await vss(['retention', '--sessions', '10'], { DATABASE_URL: url })
  expect(stdout).toMatch(/^sessions +90 days /m)
  expect(stdout).toContain('\nsessions: kept for 90 days at least, by vss.retention_floor\n')
  expect(linesOver80Columns(stdout)).toEqual([])
})

test('vss retention and vss status name a partition that could not be dropped', async () => {
  const { pool, url } = await openStorage()
  await pool.query(
    `INSERT INTO vss.retention (kind, days, kept_from, stuck_partition, stuck_since)
     VALUES ('bodies', 30, now(), 'bodies_2026_01_31', now() - interval '2 hours')`,
  )

  const { exitCode, stdout } = await vss(['retention'], { DATABASE_URL: url })

  expect(exitCode).toBe(1)
  expect(stdout).toContain('bodies_2026_01_31 could not be dropped for 2 h')
  const status = await vss(['status', '--json'], { DATABASE_URL: url, REDIS_URL: 'redis://127.0.0.1:1' })
  expect(JSON.parse(status.stdout).findings).toContainEqual(
    expect.objectContaining({
      code: 'retention_stuck',
      text: expect.stringContaining('vss.bodies_2026_01_31 is old, and could not be dropped for 2 h'),
    }),
  )
})
