import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@vss-pipeline/local-stack'
import { createWriter } from '@vss-pipeline/storage'
import { expect, inject, it, onTestFinished } from 'vitest'
import { countLedger } from '../../support/accounting.ts'
import { freshPrefix } from '../../support/batches.ts'
import { connect, createTestDatabase, rowsOf } from '../../support/databases.ts'
import { rejectedDelivery } from '../../support/entries.ts'
import { killProcess } from '../../support/faulty-server.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { openPresence, untilPresent } from '../../support/presence.ts'
import { openProducer } from '../../support/producer.ts'
import { type RunningPipeline, startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, startVss, vss } from '../../support/vss-command.ts'

const nobody = '127.0.0.1:1'
/** Transactions of other tests would hold back the feed of a server that they share. */
const ownPostgres = await startOwnPostgres()
const ownRedis = await startOwnRedis()

it('shows the deliveries that wait, and then their outcomes', async () => {
  const pipeline = await startRunningPipeline({ workers: 0 })
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  await untilPresent(readPresence, ['ingest'])
  const before = await statusOf(env, [], 1)
  expect(before).toMatchObject({
    verdict: {
      level: 'error',
      exit: 1,
      text: expect.stringMatching(/^No worker has run for an hour or more/),
    },
    queue: {
      waiting: 0,
      active: 0,
      delayed: 0,
      failed: 0,
      deliveries: 0,
      oldestWaitingSeconds: 0,
      waitingSince: null,
      isPaused: false,
      isPrefixKnown: true,
    },
    ledger: { stored: 0, duplicate: 0, superseded: 0, rejected: 0, total: 0 },
    completeUntil: { at: null, reason: 'no worker has looked yet', updatedAt: null },
    feed: { consumers: [], consumerCount: 0 },
    posts: { accepted: 0, refused: {} },
    lastReceivedAt: null,
    lastStoredAt: null,
    since: expect.stringMatching(/:00\.000Z$/),
    problems: [],
  })

  const example = ['--file', 'test/fixtures/example-completed.json']
  const send = ['send', '--url', pipeline.webhookUrl, '--concurrency', '1']
  expect(await vss([...send, ...example, ...example, '--file', 'README.md'])).toMatchObject({ exitCode: 0 })
  const { queue } = await statusOf(env, [], 1)
  expect(queue).toMatchObject({ waiting: 3, active: 0, delayed: 0, failed: 0, deliveries: 3 })
  expect(queue.oldestWaitingSeconds).toBeGreaterThan(0)

  await pipeline.startWorker()
  await untilPresent(readPresence, ['ingest', 'worker'])
  await until('Three in the ledger', async () => (await countLedger(pipeline.pool)) === 3, {
    timeoutMs: 20_000,
  })
  await untilWatermark(pipeline)
  const after = await statusOf(env)
  expect(after).toMatchObject({
    ledger: { stored: 1, duplicate: 1, superseded: 0, rejected: 1, total: 3 },
    lastHour: { total: 3 },
    rejectReasons: { deliveries: 1, counts: [{ code: 'malformed_json', deliveries: 1 }] },
    posts: { accepted: 3, refused: {} },
    lastReceivedAt: expect.stringMatching(/Z$/),
    lastStoredAt: expect.stringMatching(/Z$/),
    versions: { ingest: [expect.any(String)], worker: [expect.any(String)], console: [] },
  })

  const { exitCode, stdout } = await vss(['status'], env)
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(
    /^Records flow: 1 stored and 2 recorded otherwise in the last 5 minutes, none\swaiting\.\n\nFlow\n/,
  )
  expect(stdout).toMatch(/^ {2}waiting {9}no delivery$/m)
  expect(stdout).toMatch(/^Ledger \(deliveries since \S+Z\)\n {2}stored {6}1\n {2}duplicate {3}1$/m)
  expect(stdout).toMatch(/^ {2}of the rejected: malformed_json 1$/m)
  expect(stdout).toMatch(/^ {2}complete until {2}\S+Z: nothing waits$/m)
  expect(stdout).toMatch(/^worker {3}\S+ +\S+ s {2}writes {13}/m)
  expect(linesOver80Columns(stdout)).toEqual([])
  expect(stdout).not.toContain('\u001b')
}, 60_000)

it('exits 1 when the workers are killed and something waits, until there is a worker again', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  await untilPresent(readPresence, ['ingest', 'worker'])
  expect((await statusOf(env)).verdict.text).toMatch(/^Nothing comes, and nothing is wrong: /)

  await killProcess(pipeline.workers[0]!)
  expect((await fetch(pipeline.webhookUrl, { method: 'POST', body: '{}' })).status).toBe(200)
  await untilPresent(readPresence, ['ingest'])
  const { exitCode, stdout } = await vss(['status'], env)
  expect(exitCode).toBe(1)
  expect(stdout.replaceAll('\n', ' ')).toMatch(
    /^No worker has run for [\d.]+ s, and 1 delivery waits\. To do: start a worker;/,
  )
  expect(stdout).toMatch(/^ {2}waiting {9}1 delivery, the oldest since \S+Z \([\d.]+ s ago\)$/m)

  await pipeline.startWorker()
  await untilPresent(readPresence, ['ingest', 'worker'])
  await until('The delivery in the ledger', async () => (await countLedger(pipeline.pool)) === 1, {
    timeoutMs: 20_000,
  })
  expect((await statusOf(env)).findings).toEqual([])
}, 60_000)

it('exits 1 when the secret at the sender is another one', async () => {
  const pipeline = await startRunningPipeline({ env: { WEBHOOK_SECRETS: 'the right secret' } })
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  await untilPresent(readPresence, ['ingest', 'worker'])
  await Promise.all(
    Array.from({ length: 12 }, () =>
      fetch(pipeline.webhookUrl, { method: 'POST', body: '{}', headers: { authorization: 'wrong' } }),
    ),
  )
  async function areTold(): Promise<boolean> {
    const { running } = (await readPresence())!
    return running.some(
      (process) => process.service === 'ingest' && process.lastHour.refused.unauthorized === 12,
    )
  }
  await until('The refusals', areTold, { timeoutMs: 5_000 })
  const { exitCode, stdout } = await vss(['status'], env)
  expect(exitCode).toBe(1)
  expect(stdout.replaceAll('\n', ' ')).toMatch(
    /^12 of 12 POSTs of the last hour were refused as unauthorized: the secret at 8x8 is none of WEBHOOK_SECRETS/,
  )
  expect(stdout).toMatch(/^POSTs of the last hour\n {2}accepted {7}0\n {2}unauthorized {2}12$/m)
  expect(linesOver80Columns(stdout)).toEqual([])
})

it('exits 1 when deliveries are rejected, and says why', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  const args = ['send', '--url', pipeline.webhookUrl, ...Array(10).fill(['--file', 'README.md']).flat()]
  expect(await vss(args)).toMatchObject({ exitCode: 0 })
  await until('The rejects', async () => (await countLedger(pipeline.pool)) === 10, { timeoutMs: 20_000 })
  await untilPresent(readPresence, ['ingest', 'worker'])
  const { verdict } = await statusOf(env, [], 1)
  expect(verdict.text).toMatch(
    /^10 of 10 deliveries of the last hour were rejected, mostly as malformed_json\. To do: vss drift shows/,
  )
})

it('exits 1 under a prefix where nothing ever was', async () => {
  const { databaseUrl, redisUrl } = await startRunningPipeline({ workers: 0 })
  const prefix = freshPrefix()
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, QUEUE_PREFIX: prefix }
  const { exitCode, stdout, stderr } = await vss(['status'], env)
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
  expect(stdout.replaceAll('\n', ' ')).toContain(
    `There is no queue and no process under the prefix "${prefix}". To do: check QUEUE_PREFIX`,
  )
})

it('says where deliveries are while Redis is away, and recovers with it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vss-spool-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  const pipeline = await startRunningPipeline({ redisUrl: ownRedis.url, env: { SPOOL_DIR: dir } })
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  await untilPresent(readPresence, ['ingest', 'worker'])
  await untilWatermark(pipeline)
  await ownRedis.kill()
  const response = await fetch(pipeline.webhookUrl, { method: 'POST', body: '{}' })
  expect(response.status).toBe(200)
  const { exitCode, stdout, stderr } = await vss(['status'], env)
  expect(exitCode).toBe(1)
  expect(stdout.replaceAll('\n', ' ')).toMatch(
    /^Redis is away; deliveries are safe in the spool at ".*vss-spool-\w+", while it has room\. To do: start Redis, or mend the way to it/,
  )
  expect(stderr).toMatch(/^vss: Redis is away: /)
  expect(linesOver80Columns(stdout)).toEqual([])

  await ownRedis.start()
  const isStored = async () => (await countLedger(pipeline.pool)) === 1
  await until('The delivery in the ledger', isStored, { timeoutMs: 20_000 })
  await untilPresent(readPresence, ['ingest', 'worker'])
  expect(await statusOf(env)).toMatchObject({ posts: { accepted: 1, refused: {} }, findings: [] })
})

it('exits 2 when neither server answers', async () => {
  const env = { DATABASE_URL: `postgres://${nobody}/a`, REDIS_URL: `redis://${nobody}` }
  const { exitCode, stdout, stderr } = await vss(['status'], env)
  expect(exitCode).toBe(2)
  expect(stdout).toMatch(/^Neither Redis nor Postgres answers: nothing can be told about the pipeline\.$/m)
  expect(stderr.split('\n')).toHaveLength(3)
})

it('shows a paused queue', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  await untilPresent(readPresence, ['ingest', 'worker'])
  const producer = await openProducer(pipeline)
  await producer.shards[0]!.queue.pause()
  const { verdict, queue } = await statusOf(env)
  expect(verdict).toMatchObject({
    level: 'warning',
    text: expect.stringContaining('But the queue is paused'),
  })
  expect(queue.isPaused).toBe(true)
})

it('shows the status anew with --watch, one JSON object a line for programs', async () => {
  const pipeline = await startRunningPipeline()
  const { process, ended } = startVss(['status', '--watch', '--json'], settingsOf(pipeline))
  let output = ''
  process.stdout!.on('data', (chunk) => {
    output += chunk
  })
  await until('Two lines', () => output.split('\n').length > 2, { timeoutMs: 20_000 })
  process.kill('SIGTERM')
  await ended
  const [first, second] = output.split('\n').map((line) => line && JSON.parse(line))
  expect(Object.keys(second)).toEqual(Object.keys(first))
})

it('counts only the deliveries since a time', async () => {
  const pipeline = await startRunningPipeline()
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  expect(await vss(['send', '--url', pipeline.webhookUrl, '--count', '5'])).toMatchObject({ exitCode: 0 })
  await until('Five in the ledger', async () => (await countLedger(pipeline.pool)) === 5, {
    timeoutMs: 20_000,
  })
  await untilPresent(readPresence, ['ingest', 'worker'])
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
    exitCode: 2,
    stdout: '',
    stderr: 'vss: --since: counts are kept for 35 days: give at most 35d (see --help)\n',
  })
})

it('shows the ledger when Redis is away, and says so', async () => {
  const { databaseUrl } = await startRunningPipeline({ workers: 0 })
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: `redis://:geheim@${nobody}` }
  const { exitCode, stdout, stderr } = await vss(['status'], env)
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^Redis is away; /)
  expect(stdout).toContain('Ledger (deliveries since ')
  expect(stdout).not.toContain('waiting')
  expect(linesOver80Columns(stdout)).toEqual([])
  expect(stderr).toMatch(
    /^vss: Redis is away: redis:\/\/127\.0\.0\.1:1 \(from REDIS_URL\): .*ECONNREFUSED.*\n$/,
  )
  expect(stderr).not.toContain('geheim')
})

it('says that Redis cannot be used, and not that it is away, where the password is wrong or a key is of another program', async () => {
  const wrongPassword = new URL(ownRedis.url)
  wrongPassword.password = 'geheim'
  const prefix = freshPrefix()
  await ownRedis.client.set(`${prefix}:batches:wait`, 'of another program')
  const settings = { DATABASE_URL: `postgres://vss@${nobody}/a`, QUEUE_PREFIX: prefix }
  for (const [redisUrl, reason] of [
    [wrongPassword.href, 'WRONGPASS'],
    [ownRedis.url, 'WRONGTYPE'],
  ] as const) {
    const { exitCode, stdout, stderr } = await vss(['status', '--json'], { ...settings, REDIS_URL: redisUrl })
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout).findings).toMatchObject([{ code: 'postgres_away' }, { code: 'redis_unusable' }])
    expect(stderr).toMatch(
      new RegExp(`^vss: Redis cannot be used: \\S+ \\(from REDIS_URL\\): ${reason}`, 'm'),
    )
    expect(stdout + stderr).not.toContain('geheim')
  }
})

it('shows the queue when Postgres is away, and says so', async () => {
  const env = { REDIS_URL: inject('redisUrl') }
  const args = ['status', '--json', '--database-url', `postgres://vss:geheim@${nobody}/a`]
  const { exitCode, stdout, stderr } = await vss(args, env)
  expect(exitCode).toBe(1)
  const status = JSON.parse(stdout)
  expect(status.verdict.text).toMatch(/^Postgres is away; /)
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
  const readPresence = openPresence(pipeline)
  await untilPresent(readPresence, ['ingest', 'worker'])
  const findings = async () => (await readStatus(env)).findings
  await until('A finding', async () => (await findings()).length > 0, { timeoutMs: 20_000 })
  expect(await findings()).toEqual([
    {
      code: 'batches_failed',
      level: 'error',
      text: '1 batch could not be read back',
      remedy: expect.stringContaining('docs/runbook.md'),
    },
  ])
  const { exitCode, stdout } = await vss(['status'], env)
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(
    /^1 batch could not be read back\. To do: update the workers, then vss queue\s+retry-failed/,
  )
  expect(linesOver80Columns(stdout)).toEqual([])
})

it('shows how far each consumer of changes is, and a transaction that holds the feed back', async () => {
  const { url: databaseUrl, drop } = await createTestDatabase(ownPostgres.url)
  onTestFinished(drop)
  const pipeline = await startRunningPipeline({ databaseUrl })
  const env = settingsOf(pipeline)
  const readPresence = openPresence(pipeline)
  await untilPresent(readPresence, ['ingest', 'worker'])
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
  expect(stdout).toMatch(/^The change feed has shown no new change for 3\d\d s: it waits for/)
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
  verdict: { level: string; text: string; exit: number }
  posts: { accepted: number; refused: Record<string, number> }
  queue: Record<string, unknown>
  ledger: Record<string, number>
  completeUntil: { at: string | null; reason: string }
  feed: { consumers: object[] }
  findings: object[]
  since: string
  problems: string[]
}

/** Reads the status, which must have this exit code. */
async function statusOf(env: Record<string, string>, args: string[] = [], expectedExit = 0): Promise<Status> {
  const { exitCode, stdout, stderr } = await vss(['status', '--json', ...args], env)
  expect({ exitCode, stderr }, stdout).toEqual({ exitCode: expectedExit, stderr: '' })
  return JSON.parse(stdout)
}

/** Reads the status, whatever it is. */
async function readStatus(env: Record<string, string>): Promise<Status> {
  return JSON.parse((await vss(['status', '--json'], env)).stdout)
}

/** Waits until a worker has written the watermark. */
async function untilWatermark({ pool }: RunningPipeline): Promise<void> {
  async function isKnown(): Promise<boolean> {
    const { rowCount } = await pool.query('SELECT FROM vss.watermark WHERE complete_until IS NOT NULL')
    return rowCount === 1
  }
  await until('A watermark', isKnown, { timeoutMs: 10_000 })
}
