import { until } from '@vss-pipeline/local-stack'
import { createWriter } from '@vss-pipeline/storage'
import { expect, inject, it, onTestFinished } from 'vitest'
import { connect, createTestDatabase, rowsOf } from '../../support/databases.ts'
import { rejectedDelivery } from '../../support/entries.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { openProducer } from '../../support/producer.ts'
import { type RunningPipeline, startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, vss } from '../../support/vss-command.ts'

const nobody = '127.0.0.1:1'
/** Transactions of other tests would hold back the feed of a server that they share. */
const ownPostgres = await startOwnPostgres()

it('shows the deliveries that wait, and then their outcomes', async () => {
  const pipeline = await startRunningPipeline({ workers: 0 })
  const env = settingsOf(pipeline)
  expect(await statusOf(env)).toEqual({
    queue: { waiting: 0, active: 0, delayed: 0, failed: 0, deliveries: 0, oldestWaitingSeconds: 0 },
    ledger: { stored: 0, duplicate: 0, superseded: 0, rejected: 0, total: 0 },
    completeUntil: { at: null, reason: 'no worker has looked yet', updatedAt: null },
    feed: expect.objectContaining({ consumers: [], consumerCount: 0 }),
    since: expect.stringMatching(/:00\.000Z$/),
    findings: [],
    problems: [],
  })

  const example = ['--file', 'test/fixtures/example-completed.json']
  const send = ['send', '--url', pipeline.webhookUrl, '--concurrency', '1']
  expect(await vss([...send, ...example, ...example, '--file', 'README.md'])).toMatchObject({ exitCode: 0 })
  const { queue } = await statusOf(env)
  expect(queue).toMatchObject({ waiting: 3, active: 0, delayed: 0, failed: 0, deliveries: 3 })
  expect(queue.oldestWaitingSeconds).toBeGreaterThan(0)

  await pipeline.startWorker()
  const ledger = { stored: 1, duplicate: 1, superseded: 0, rejected: 1, total: 3 }
  await until('Three in the ledger', async () => (await statusOf(env)).ledger.total === 3, {
    timeoutMs: 20_000,
  })
  expect((await statusOf(env)).ledger).toEqual(ledger)

  const { exitCode, stdout } = await vss(['status'], env)
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^Queue \(batches\)\n {2}waiting {13}0$/m)
  expect(stdout).toMatch(/^Ledger \(deliveries since \S+Z\)\n {2}stored {6}1\n {2}duplicate {3}1$/m)
  await until('A watermark', async () => (await statusOf(env)).completeUntil.at !== null, {
    timeoutMs: 10_000,
  })
  const later = await vss(['status'], env)
  expect(later.stdout).toMatch(/^Complete until\n {2}\S+Z: nothing waits$/m)
  expect(stdout).not.toContain('\u001b')
})

it('counts only the deliveries since a time', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  expect(await vss(['send', '--url', pipeline.webhookUrl, '--count', '5'])).toMatchObject({ exitCode: 0 })
  await until('Five in the ledger', async () => (await statusOf(env)).ledger.total === 5, {
    timeoutMs: 20_000,
  })
  // Two deliveries were received two days ago.
  const receivedAtMs = Date.now() - 2 * 86_400_000
  const writer = createWriter({ pool: pipeline.pool, pipelineVersion: 'test' })
  await writer.write([rejectedDelivery({ receivedAtMs }), rejectedDelivery({ receivedAtMs })])
  expect((await statusOf(env)).ledger.total).toBe(5)
  const recent = await statusOf(env, ['--since', '1h'])
  expect(recent.ledger.total).toBe(5)
  const { stdout } = await vss(['status', '--since', '1h'], env)
  expect(stdout).toMatch(/^Ledger \(deliveries since \S+Z\)$/m)
  expect(linesOver80Columns(stdout)).toEqual([])
  expect(Date.now() - Date.parse(recent.since)).toBeGreaterThanOrEqual(3_600_000)
  expect((await statusOf(env, ['--since', '35d'])).ledger.total).toBe(7)
  expect(await vss(['status', '--since', '36d'], env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'vss: --since: counts are kept for 35 days: give at most 35d\n',
  })
})

it('shows the ledger when Redis is away, and says so', async () => {
  const { databaseUrl } = await startRunningPipeline({ workers: 0 })
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: `redis://:geheim@${nobody}` }
  const { exitCode, stdout, stderr } = await vss(['status'], env)
  expect(exitCode).toBe(1)
  expect(stdout).toContain('Ledger (deliveries since ')
  expect(stdout).not.toContain('Queue')
  expect(stderr).toMatch(
    /^vss: Redis is away: redis:\/\/127\.0\.0\.1:1 \(from REDIS_URL\): .*ECONNREFUSED.*\n$/,
  )
  expect(stderr).not.toContain('geheim')
})

it('shows the queue when Postgres is away, and says so', async () => {
  const env = { REDIS_URL: inject('redisUrl') }
  const args = ['status', '--json', '--database-url', `postgres://vss:geheim@${nobody}/a`]
  const { exitCode, stdout, stderr } = await vss(args, env)
  expect(exitCode).toBe(1)
  const status = JSON.parse(stdout)
  expect(status.queue).toMatchObject({ failed: 0 })
  expect(status.ledger).toBeNull()
  expect(status.problems).toEqual([
    expect.stringMatching(/^Postgres is away: postgres:\/\/127\.0\.0\.1:1\/a \(from --database-url\): /),
  ])
  expect(stderr).toBe(`vss: ${status.problems[0]}\n`)
  expect(stdout + stderr).not.toContain('geheim')
})

it('shows a finding with its remedy, and exits 1', async () => {
  const pipeline = await startRunningPipeline()
  const producer = await openProducer(pipeline)
  await producer.shards[0]!.queue.add('foreign', { hello: 'world' })
  const env = settingsOf(pipeline)
  const findings = async () => JSON.parse((await vss(['status', '--json'], env)).stdout).findings
  await until('A finding', async () => (await findings()).length > 0, { timeoutMs: 20_000 })
  expect(await findings()).toEqual([
    {
      code: 'batches_failed',
      level: 'error',
      text: '1 batch could not be read back',
      remedy: expect.stringContaining('docs/operating.md'),
    },
  ])
  const { exitCode, stdout } = await vss(['status'], env)
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^Findings\n {2}error: 1 batch could not be read back\n {4}their jobs are kept/m)
  expect(linesOver80Columns(stdout)).toEqual([])
})

it('shows how far each consumer of changes is, and a transaction that holds the feed back', async () => {
  const { url: databaseUrl, drop } = await createTestDatabase(ownPostgres.url)
  onTestFinished(drop)
  const env = settingsOf(await startRunningPipeline({ workers: 0, databaseUrl }))
  await rowsOf(
    databaseUrl,
    `INSERT INTO vss.sessions (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies, revision,
       delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     SELECT id, 'account', 'COMPLETED', now(), now(), true, '{}', 1, id, now(), sha256(''),
       now() - interval '5 minutes', 'test'
     FROM gen_random_uuid() AS id`,
  )
  const beginning = `1.${await readFeedId(databaseUrl)}.00000000000000000001.00000000-0000-4000-8000-000000000000`
  const name = `reports\u001b[31m ${'x'.repeat(80)}`
  const holder = await connect(databaseUrl)
  await holder.query(`SET application_name = 'slow report'; BEGIN; SELECT pg_current_xact_id()`)
  await holder.query('SELECT vss.commit($1, $2)', [name, beginning])
  const other = await connect(databaseUrl)
  await other.query('SELECT vss.commit($1, $2)', ['billing', beginning])
  await other.query(`UPDATE vss.sessions SET change_xid = pg_current_xact_id()`)
  const { stdout, exitCode } = await vss(['status'], env)

  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^Consumers \(of changes\)\n {2}billing {2}behind {2}3\d\d s$/m)
  expect(stdout).toMatch(/^ {2}error: the change feed has shown no new change for 3\d\d s: it waits for/m)
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('(application "slow report") in database')
  expect(linesOver80Columns(stdout)).toEqual([])

  await holder.query('COMMIT')
  const status = await statusOf(env)
  expect(status.feed.consumers).toMatchObject([
    { name: 'billing', state: 'behind' },
    { name, state: 'behind' },
  ])
  expect(status.findings).toEqual([])
  const after = await vss(['status'], env)
  expect(after.stdout).toMatch(/^ {2}reports\\u001b\[31m x+… {2}behind/m)
  expect(linesOver80Columns(after.stdout)).toEqual([])
})

async function readFeedId(url: string): Promise<string> {
  const [row] = await rowsOf<{ id: string }>(url, 'SELECT feed_id AS id FROM vss.feed')
  return row!.id
}

function settingsOf({ databaseUrl, redisUrl, queuePrefix }: RunningPipeline) {
  return { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, QUEUE_PREFIX: queuePrefix }
}

interface Status {
  queue: Record<string, number>
  ledger: Record<string, number>
  completeUntil: { at: string | null; reason: string }
  feed: { consumers: object[] }
  findings: object[]
  since: string
  problems: string[]
}

async function statusOf(env: Record<string, string>, args: string[] = []): Promise<Status> {
  const { exitCode, stdout, stderr } = await vss(['status', '--json', ...args], env)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return JSON.parse(stdout)
}
