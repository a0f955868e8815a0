import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryFolder, startRedis, until } from '@vss-pipeline/local-stack'
import { fetchRedisCheckup, openTopology, readProcesses } from '@vss-pipeline/queue'
import { type Finding, findFaults } from '@vss-pipeline/reader'
import { pipelineVersion } from '@vss-pipeline/runtime'
import { createLogger } from '@vss-pipeline/runtime/service'
import { createPool, readAddressCheckup, readDatabaseCheckup } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import pg from 'pg'
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { privileges } from '../../../packages/storage/src/privileges.ts'
import { freshPrefix } from '../../support/batches.ts'
import { createEmptyDatabase, rowsOf } from '../../support/databases.ts'
import { partitionName } from '../../support/ledger-partitions.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import { startOwnRedis } from '../../support/own-redis.ts'
import { plantProcess, soundIngest, soundWorker } from '../../support/planted-process.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, type VssEnv, vss } from '../../support/vss-command.ts'

const redis = await startOwnRedis()
const postgres = await startOwnPostgres()
const rolesFile = new URL('../../../deploy/postgres/roles.sql', import.meta.url)

/** The database of a sound system, as its administrator, its reader and its writer see it. */
let database: { admin: string; name: string; reader: string; writer: string }
let prefix: string

beforeAll(async () => {
  const { url } = await createEmptyDatabase(postgres.url)
  const name = new URL(url).pathname.slice(1)
  const as = (role: string) => Object.assign(new URL(url), { username: role, password: role }).href
  await rowsOf(url, await readFile(rolesFile, 'utf8'))
  for (const role of ['vss_migrator', ...Object.keys(privileges)]) {
    await rowsOf(url, `ALTER ROLE ${role} PASSWORD '${role}'`)
  }
  await migrate({ databaseUrl: as('vss_migrator') })
  await rowsOf(url, `ALTER DATABASE ${name} SET idle_in_transaction_session_timeout = '10min'`)
  await redis.client.config('SET', 'maxmemory', '512mb')
  database = { admin: url, name, reader: as('vss_reader'), writer: as('vss_writer') }
})

beforeEach(() => {
  prefix = freshPrefix()
})

it('finds nothing on a sound system that runs', async () => {
  const folder = await createTemporaryFolder()
  onTestFinished(() => folder.remove())
  const pipeline = await startRunningPipeline({
    databaseUrl: database.writer,
    redisUrl: redis.url,
    env: { SPOOL_DIR: folder.path, SPOOL_MAX_BYTES: String(2 ** 20), WEBHOOK_SECRETS: 'a secret of ours' },
  })
  prefix = pipeline.queuePrefix
  await until(
    'Both processes',
    async () => (await readProcesses(redis.client, prefix)).running.length === 2,
    {
      timeoutMs: 20_000,
    },
  )
  const { exitCode, stdout, stderr } = await vss(['doctor'], settings())
  expect({ exitCode, stderr, stdout }).toEqual({
    exitCode: 0,
    stderr: '',
    stdout: expect.stringMatching(/^nothing found: Redis \S+, Postgres \S+ and 2 processes are sound\n$/),
  })
  expect(await diagnose()).toEqual({
    exitCode: 0,
    findings: [],
    seen: { redis: expect.any(String), postgres: expect.any(String), processes: 2 },
  })
})

describe('finds a fault of the processes:', () => {
  it.each<[string, string, object, object]>([
    ['no_spool', '"host of the ingest" has no spool', { spool: null }, {}],
    ['no_secret', '"host of the ingest" takes deliveries without a secret', { hasSecret: false }, {}],
    [
      'spool_disk_small',
      'may grow by 1.0 GiB, and its disk has 100 MiB free',
      { spool: { ...soundIngest.spool, diskFreeBytes: 100 * 2 ** 20 } },
      {},
    ],
    [
      'payload_unreadable',
      '1 of 1 worker cannot read the batches of ingest, which have version 9',
      { payloadVersion: 9 },
      {},
    ],
    ['releases_differ', 'ingest "0.0.1", this command and worker "', { version: '0.0.1' }, {}],
    ['shards_differ', 'ingest fills 4 shards and a worker is told of 1', { shards: 4 }, {}],
    [
      'replicas_missing',
      'ingest waits for 2 replicas to have a delivery, and Redis has 0',
      { waitReplicas: 2 },
      {},
    ],
  ])('%s', async (code, text, ofIngest, ofWorker) => {
    await plantProcess(redis.client, prefix, { ...soundWorker, ...ofWorker })
    await plantProcess(redis.client, prefix, { ...soundIngest, ...ofIngest })
    await expectFinding(code, text)
  })

  it('shard_unread', async () => {
    const topology = openTopology({ client: redis.client, prefix, shards: 3 })
    await redis.client.set(`${prefix}:shards`, 3)
    await topology.shards[2]!.queue.add('batch of 3', {})
    await plantProcess(redis.client, prefix, { ...soundIngest, shards: 3 })
    await plantProcess(redis.client, prefix, { ...soundWorker, shards: 3, shardsRead: [0, 1] })
    await expectFinding('shard_unread', 'no worker reads shard 2, which holds batches')
  })

  it('process_unreadable', async () => {
    await plantSound()
    await plantProcess(redis.client, prefix, { service: 'worker' })
    await expectFinding('process_unreadable', '1 process tells what this command cannot read')
  })

  it('clocks_differ', async () => {
    await plantProcess(redis.client, prefix, soundWorker, { clockAheadMs: 1_900 })
    await plantProcess(redis.client, prefix, soundIngest, { clockAheadMs: -60_000 })
    await expectFinding('clocks_differ', 'the clock of ingest on "host of the ingest" is 1 min 0 s behind')
  })

  it('prefix_unknown', async () => {
    await expectFinding('prefix_unknown', `there is no queue and no process under the prefix "${prefix}"`)
  })
})

describe('finds a fault of Redis:', () => {
  it.each([
    ['redis_not_durable', 'appendonly is off', { appendonly: 'no' }],
    ['redis_not_durable', 'appendfsync is "everysec"', { appendfsync: 'everysec' }],
    ['redis_not_durable', 'no-appendfsync-on-rewrite is "yes"', { 'no-appendfsync-on-rewrite': 'yes' }],
    ['redis_not_durable', 'maxmemory-policy is "allkeys-lru"', { 'maxmemory-policy': 'allkeys-lru' }],
    ['redis_without_limit', 'Redis has no maxmemory', { maxmemory: '0' }],
  ])('%s: %s', async (code, text, settings) => {
    await plantSound()
    for (const [name, value] of Object.entries(settings)) {
      const [, before] = (await redis.client.config('GET', name)) as [string, string]
      onTestFinished(async () => void (await redis.client.config('SET', name, before)))
      await redis.client.config('SET', name, value)
    }
    await expectFinding(code, text)
  })

  it('redis_nearly_full', async () => {
    await plantSound()
    const [, usedBytes] = /used_memory:(\d+)/.exec(await redis.client.info('memory'))!
    onTestFinished(async () => void (await redis.client.config('SET', 'maxmemory', '512mb')))
    await redis.client.config('SET', 'maxmemory', String(Math.round(Number(usedBytes) / 0.92)))
    await expectFinding('redis_nearly_full', 'of its memory')
  })

  it('redis_is_replica', async () => {
    const folder = await createTemporaryFolder()
    const replica = await startRedis({ dataDir: join(folder.path, 'replica'), port: 0 })
    onTestFinished(async () => {
      await replica.stop()
      await folder.remove()
    })
    await plantSound()
    const { port, password } = new URL(redis.url)
    const { Redis } = await import('ioredis')
    const client = new Redis(replica.url)
    onTestFinished(() => client.disconnect())
    await client.config('SET', 'maxmemory', '512mb')
    await client.config('SET', 'masterauth', password)
    await client.replicaof('127.0.0.1', port)
    await until(
      'The replication',
      async () => (await client.info('replication')).includes('master_link_status:up'),
      {
        timeoutMs: 20_000,
      },
    )
    await expectFinding('redis_is_replica', 'this Redis is a replica', { REDIS_URL: replica.url })
    // Seen from the primary, one replica is there for an ingest that waits for one.
    await plantProcess(redis.client, prefix, { ...soundIngest, waitReplicas: 1 })
    expect(await findingsOf()).toEqual([])
  })

  it('redis_away', async () => {
    const { exitCode, findings } = await diagnose({ REDIS_URL: 'redis://:geheim@127.0.0.1:1' })
    expect({ exitCode, codes: findings.map(({ code }) => code) }).toEqual({
      exitCode: 1,
      codes: ['redis_away'],
    })
  })
})

describe('finds a fault of Postgres:', () => {
  it.each([
    ['postgres_not_durable', 'synchronous_commit is off', 'synchronous_commit = off'],
    [
      'no_idle_timeout',
      'idle_in_transaction_session_timeout is not set',
      'idle_in_transaction_session_timeout = 0',
    ],
    ['transaction_timeout_short', 'transaction_timeout is 5.0 s', "transaction_timeout = '5s'"],
    ['postgres_read_only', 'this Postgres takes no writes', 'default_transaction_read_only = on'],
  ])('%s', async (code, text, setting) => {
    const [name] = setting.split(' ')
    const [known] = await rowsOf(database.admin, `SELECT FROM pg_settings WHERE name = '${name}'`)
    // Postgres has transaction_timeout from version 17 on.
    if (known === undefined) return
    await plantSound()
    const [before] = await rowsOf<{ value: string }>(
      database.admin,
      `SELECT reset_val AS value FROM pg_settings WHERE name = '${name}'`,
    )
    await rowsOf(database.admin, `ALTER DATABASE ${database.name} SET ${setting}`)
    onTestFinished(async () => {
      // Another database's connection may write.
      await rowsOf(postgres.url, `ALTER DATABASE ${database.name} SET ${name} = '${before!.value}'`)
    })
    await expectFinding(code, text)
  })

  it('not_migrated: no schema, and one of an earlier release', async () => {
    await plantSound()
    const empty = await createEmptyDatabase(postgres.url)
    await rowsOf(
      empty.url,
      `ALTER DATABASE ${new URL(empty.url).pathname.slice(1)} SET idle_in_transaction_session_timeout = '10min'`,
    )
    expect(await findingsOf({ DATABASE_URL: empty.url })).toMatchObject([
      { code: 'not_migrated', text: 'the database has no schema vss' },
      { code: 'roles_missing' },
    ])
    const [last] = await rowsOf<{ name: string }>(
      database.admin,
      'DELETE FROM vss.migrations WHERE id = (SELECT max(id) FROM vss.migrations) RETURNING name',
    )
    onTestFinished(async () => {
      await rowsOf(
        database.admin,
        `INSERT INTO vss.migrations (name, run_on) VALUES ('${last!.name}', now())`,
      )
    })
    await expectFinding('not_migrated', `the schema lacks migrations of this release: ${last!.name}`)
  })

  it('schema_too_new', async () => {
    await plantSound()
    await rowsOf(database.admin, `INSERT INTO vss.migrations (name, run_on) VALUES ('9999_later', now())`)
    onTestFinished(
      async () => void (await rowsOf(database.admin, `DELETE FROM vss.migrations WHERE name = '9999_later'`)),
    )
    await expectFinding(
      'schema_too_new',
      'the schema has migrations that this release does not know: 9999_later',
    )
  })

  it('schema_unreadable', async () => {
    await plantSound()
    await expectFinding('schema_unreadable', 'this role may not see which migrations', {
      DATABASE_URL: database.writer,
    })
  })

  it('partitions_missing', async () => {
    await plantSound()
    const name = partitionName(1)
    await rowsOf(database.admin, `ALTER TABLE vss.${name} RENAME TO ${name}_gone`)
    onTestFinished(
      async () => void (await rowsOf(database.admin, `ALTER TABLE vss.${name}_gone RENAME TO ${name}`)),
    )
    await expectFinding('partitions_missing', `the ledger has no partition ${name}`)
  })

  it('roles_missing', async () => {
    await plantSound()
    await rowsOf(database.admin, 'REVOKE USAGE ON SCHEMA vss FROM vss_analyst')
    onTestFinished(
      async () => void (await rowsOf(database.admin, 'GRANT USAGE ON SCHEMA vss TO vss_analyst')),
    )
    await expectFinding('roles_missing', 'these roles are missing, or may not use the schema: vss_analyst')
  })

  it('worker_too_mighty', async () => {
    await plantSound()
    const worker = new pg.Client({ connectionString: database.admin, application_name: 'vss-worker' })
    await worker.connect()
    onTestFinished(() => worker.end())
    await expectFinding('worker_too_mighty', 'which is a superuser: a stolen password')
  })

  it('postgres_not_utf8', async () => {
    await plantSound()
    const latin = await createEmptyDatabase(postgres.url, { encoding: 'LATIN1' })
    expect(await findingsOf({ DATABASE_URL: latin.url })).toContainEqual(
      expect.objectContaining({
        code: 'postgres_not_utf8',
        text: 'the database has encoding LATIN1, and workers need UTF8',
      }),
    )
  })

  it('postgres_away', async () => {
    await plantSound()
    const { exitCode, findings } = await diagnose({ DATABASE_URL: 'postgres://vss:geheim@127.0.0.1:1/vss' })
    expect({ exitCode, codes: findings.map(({ code }) => code) }).toEqual({
      exitCode: 1,
      codes: ['postgres_away'],
    })
  })
})

it('exits 2 where neither server answers', async () => {
  const { exitCode, findings } = await diagnose({
    REDIS_URL: 'redis://127.0.0.1:1',
    DATABASE_URL: 'postgres://vss@127.0.0.1:1/vss',
  })
  expect(exitCode).toBe(2)
  expect(findings.map(({ code }) => code)).toEqual(['redis_away', 'postgres_away'])
})

it('shows a finding with its remedy in 80 columns', async () => {
  await plantProcess(redis.client, prefix, soundWorker)
  await plantProcess(redis.client, prefix, { ...soundIngest, spool: null })
  const { exitCode, stdout, stderr } = await vss(['doctor'], settings())
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
  expect(stdout).toMatch(/^ {2}warning: ingest on "host of the ingest" has no spool: while/)
  expect(stdout).toMatch(/^ {4}set SPOOL_DIR to a folder/m)
  expect(linesOver80Columns(stdout)).toEqual([])
})

function settings(): VssEnv {
  return { REDIS_URL: redis.url, DATABASE_URL: database.reader, QUEUE_PREFIX: prefix }
}

async function plantSound(): Promise<void> {
  await plantProcess(redis.client, prefix, soundWorker)
  await plantProcess(redis.client, prefix, soundIngest)
}

interface Diagnosis {
  exitCode: number | null
  findings: Finding[]
  seen: { processes: number }
}

/** Runs the command. */
async function diagnose(others: VssEnv = {}): Promise<Diagnosis> {
  const { exitCode, stdout, stderr } = await vss(['doctor', '--json'], { ...settings(), ...others })
  expect(stdout + stderr).not.toContain('geheim')
  return { exitCode, ...JSON.parse(stdout) }
}

/** Does in this process what the command does: to start it takes a hundred times as long. */
async function findingsOf(others: VssEnv = {}): Promise<Finding[]> {
  const { REDIS_URL, DATABASE_URL } = { ...settings(), ...others }
  const logger = createLogger({ service: 'test', level: 'silent' })
  const pool = createPool({ databaseUrl: DATABASE_URL!, maxConnections: 1, applicationName: 'vss-test' })
  onTestFinished(() => pool.end())
  return findFaults({
    redis: await fetchRedisCheckup({ redisUrl: REDIS_URL!, prefix, logger }),
    database: await readDatabaseCheckup(pool),
    addresses: { usual: await readAddressCheckup(DATABASE_URL!), direct: null, replica: null },
    command: { version: pipelineVersion },
  })
}

async function expectFinding(code: string, text: string, others: VssEnv = {}): Promise<void> {
  expect(await findingsOf(others)).toEqual([
    { code, level: expect.any(String), text: expect.stringContaining(text), remedy: expect.any(String) },
  ])
}
