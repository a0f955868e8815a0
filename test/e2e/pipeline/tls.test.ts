import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  choosePort,
  createTemporaryFolder,
  type RunningServer,
  type ServiceName,
  startService,
  until,
} from '@vss-pipeline/local-stack'
import { readSession } from '@vss-pipeline/reader'
import { createPool } from '@vss-pipeline/storage'
import { beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { type Certificate, makeAuthority, makeServerCertificate } from '../../support/certificates.ts'
import { createTestDatabase } from '../../support/databases.ts'
import { completedSession } from '../../support/example-sessions.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { startTlsPostgres, startTlsRedis, type TlsPostgres } from './tls-servers.ts'

let authority: Certificate
let otherAuthority: Certificate
let certificates: { right: Certificate; otherName: Certificate }
let redis: RunningServer
let misnamedRedis: RunningServer
let postgres: TlsPostgres

beforeAll(async () => {
  const { path: folder, remove } = await createTemporaryFolder()
  ;[authority, otherAuthority] = await Promise.all([
    makeAuthority(folder, 'The right authority'),
    makeAuthority(folder, 'Another authority'),
  ])
  const [right, otherName] = await Promise.all([
    makeServerCertificate(folder, { authority, name: 'right', names: 'DNS:localhost,IP:127.0.0.1' }),
    makeServerCertificate(folder, {
      authority,
      name: 'other name',
      names: 'DNS:elsewhere.example,IP:127.0.0.9',
    }),
  ])
  certificates = { right, otherName }
  ;[redis, misnamedRedis, postgres] = await Promise.all([
    startTlsRedis(join(folder, 'redis'), right),
    startTlsRedis(join(folder, 'misnamed-redis'), otherName),
    startTlsPostgres(join(folder, 'postgres'), right),
  ])
  return async () => {
    await Promise.all([redis, misnamedRedis, postgres].map((server) => server.stop()))
    await remove()
  }
})

test.each(['localhost', '127.0.0.1'])(
  'deliveries become rows when every connection uses TLS, to the host %s',
  async (host) => {
    await postgres.allowPlainText(false)
    onTestFinished(() => postgres.allowPlainText(true))
    const databaseUrl = await createDatabase(overTls(postgres.url, { host, authority }))

    const pipeline = await startRunningPipeline({
      databaseUrl,
      redisUrl: at(host, redis.url),
      env: { NODE_EXTRA_CA_CERTS: authority.certFile },
    })
    const body = await readFile(new URL('../../fixtures/example-completed.json', import.meta.url))
    const response = await fetch(pipeline.webhookUrl, { method: 'POST', body })

    expect(response.status).toBe(200)
    const stored = await until('The row', () => readSession(pipeline.pool, completedSession.sessionId), {
      timeoutMs: 5_000,
    })
    expect(stored.deliveries).toMatchObject([{ outcome: 'stored' }])
    const { rows } = await pipeline.pool.query(
      `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'vss-worker'`,
    )
    expect(rows).toEqual([{ ssl: true }])
    await expect(connectOnce(at(host, postgres.url))).rejects.toThrow(/no pg_hba.conf entry .* no encryption/)
  },
)

test('NODE_EXTRA_CA_CERTS alone is enough for both servers, where DATABASE_URL names no authority', async () => {
  const databaseUrl = await createDatabase(overTls(postgres.url, { authority }))
  const unnamed = new URL(databaseUrl)
  unnamed.searchParams.delete('sslrootcert')

  const worker = await startAlone('worker', {
    databaseUrl: unnamed.href,
    redisUrl: redis.url,
    env: { NODE_EXTRA_CA_CERTS: authority.certFile },
  })

  await until('Readiness', async () => (await worker.readiness())?.status === 'ready', { timeoutMs: 8_000 })
})

test.each([
  [
    'a certificate of another authority',
    () => ({ url: redis.url, authority: otherAuthority }),
    /certificate/,
  ],
  [
    'a certificate, while it was given no authority',
    () => ({ url: redis.url, authority: undefined }),
    /certificate/,
  ],
  [
    'a certificate for another name',
    () => ({ url: misnamedRedis.url, authority }),
    /IP: 127.0.0.1 is not in the cert's list/,
  ],
  [
    'plain text instead of TLS',
    () => ({ url: inject('redisUrl').replace('redis:', 'rediss:'), authority }),
    // Redis takes the TLS handshake for a command, and waits for the rest of it.
    /ETIMEDOUT/,
  ],
])('ingest does not talk to a Redis that shows %s, and says why', async (_, given, reason) => {
  const { url, authority } = given()
  const ingest = await startAlone('ingest', {
    databaseUrl: '',
    redisUrl: url,
    env: authority ? { NODE_EXTRA_CA_CERTS: authority.certFile } : {},
  })

  const words = await until('The warning', () => ingest.said('"Redis is away'), { timeoutMs: 8_000 })
  expect(words.reason).toMatch(reason)
  await until('Listening', () => ingest.said('"listening"'), { timeoutMs: 8_000 })
  const answer = await fetch(ingest.url, { method: 'POST', body: '{}' })
  expect(answer.status).toBe(503)
  expect(await ingest.readiness()).toMatchObject({ status: 'not ready' })
})

test.each([
  ['a certificate of another authority', () => otherAuthority, () => certificates.right, /certificate/],
  [
    'a certificate for another name',
    () => authority,
    () => certificates.otherName,
    /IP: 127.0.0.1 is not in the cert's list/,
  ],
])(
  'a worker does not talk to a Postgres that shows %s, though it would take plain text',
  async (_, trusted, shown, reason) => {
    const plainUrl = await createDatabase(postgres.url)
    await postgres.show(shown())
    onTestFinished(() => postgres.show(certificates.right))

    const worker = await startAlone('worker', {
      databaseUrl: overTls(plainUrl, { authority: trusted() }),
      redisUrl: inject('redisUrl'),
    })

    const words = await until('The warning', () => worker.said('could not create the next partitions'), {
      timeoutMs: 8_000,
    })
    expect(words.err.message).toMatch(reason)
    const readiness = await until('The ops listener', () => worker.readiness(), { timeoutMs: 5_000 })
    expect(readiness).toEqual({ status: 'not ready', checks: { redis: 'ok', postgres: 'failed' } })
    expect(await connectOnce(plainUrl)).toEqual([])
  },
)

const isEncrypted = async (url: string) => {
  const pool = createPool({ databaseUrl: url, maxConnections: 1, applicationName: 'vss-test' })
  try {
    const { rows } = await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    return rows[0].ssl as boolean
  } finally {
    await pool.end()
  }
}

/** A URL with these parameters, in which RIGHT and OTHER are the files of authorities. */
function withParameters(url: string, parameters: string): string {
  const files = { RIGHT: authority.certFile, OTHER: otherAuthority.certFile }
  return `${url}?${parameters.replace(/RIGHT|OTHER/, (name) => files[name as keyof typeof files])}`
}

test.each([
  ['', false],
  ['sslmode=disable', false],
  ['sslmode=allow', false],
  ['sslmode=prefer', true],
  ['sslmode=require', true],
  ['sslmode=verify-ca&sslrootcert=RIGHT', true],
])('with "%s" a certificate for another name does no harm; encrypted: %s', async (parameters, encrypted) => {
  await postgres.show(certificates.otherName)
  onTestFinished(() => postgres.show(certificates.right))
  expect(await isEncrypted(withParameters(postgres.url, parameters))).toBe(encrypted)
})

test.each(['sslmode=require&sslrootcert=OTHER', 'sslmode=verify-ca&sslrootcert=OTHER', 'sslrootcert=OTHER'])(
  'with "%s" a certificate of another authority is refused',
  async (parameters) => {
    await expect(isEncrypted(withParameters(postgres.url, parameters))).rejects.toThrow(/certificate/)
  },
)

test('allow and prefer take what the server takes, and the other modes say what is missing', async () => {
  await postgres.allowPlainText(false)
  onTestFinished(() => postgres.allowPlainText(true))
  for (const mode of ['allow', 'prefer']) {
    expect(await isEncrypted(`${postgres.url}?sslmode=${mode}`)).toBe(true)
    expect(await isEncrypted(`${inject('databaseUrl')}?sslmode=${mode}`)).toBe(false)
  }
  await expect(isEncrypted(`${postgres.url}?sslmode=disable`)).rejects.toThrow(/no encryption/)
  await expect(isEncrypted(`${inject('databaseUrl')}?sslmode=require`)).rejects.toThrow(
    'The server does not support SSL connections',
  )
})

test('a worker does not talk to a Postgres without TLS when it was told to verify', async () => {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())

  const worker = await startAlone('worker', {
    databaseUrl: overTls(database.url, { authority }),
    redisUrl: inject('redisUrl'),
  })

  const words = await until('The warning', () => worker.said('could not create the next partitions'), {
    timeoutMs: 8_000,
  })
  expect(words.err.message).toContain('The server does not support SSL connections')
  const readiness = await until('The ops listener', () => worker.readiness(), { timeoutMs: 5_000 })
  expect(readiness).toMatchObject({ status: 'not ready' })
  expect(await connectOnce(database.url)).toEqual([])
})

test('deliveries wait while Postgres shows the wrong certificate, and become rows once it shows the right one', async () => {
  const databaseUrl = await createDatabase(overTls(postgres.url, { authority }))
  const pipeline = await startRunningPipeline({
    databaseUrl,
    redisUrl: redis.url,
    workers: 0,
    env: { NODE_EXTRA_CA_CERTS: authority.certFile },
  })
  await postgres.show(certificates.otherName)
  onTestFinished(() => postgres.show(certificates.right))
  const worker = await startAlone('worker', {
    databaseUrl,
    redisUrl: redis.url,
    env: { NODE_EXTRA_CA_CERTS: authority.certFile, QUEUE_PREFIX: pipeline.queuePrefix },
  })
  const body = await readFile(new URL('../../fixtures/example-completed.json', import.meta.url))
  expect((await fetch(pipeline.webhookUrl, { method: 'POST', body })).status).toBe(200)
  const isAway = 'the database is away: batches wait in hand'
  const refusal = await until('The refusal', () => worker.said(isAway), { timeoutMs: 8_000 })
  expect(refusal.err.message).toContain("is not in the cert's list")

  await postgres.show(certificates.right)

  await until('The row', () => readSession(pipeline.pool, completedSession.sessionId), { timeoutMs: 12_000 })
})

test('a missing certificate file ends the start with one line that names it, and nothing connects', async () => {
  const plainUrl = await createDatabase(postgres.url)
  const url = new URL(overTls(plainUrl, { authority }))
  url.searchParams.set('sslrootcert', '/no/such/file.pem')

  const start = startService('worker', {
    databaseUrl: url.href,
    redisUrl: inject('redisUrl'),
    env: process.env,
  })

  await expect(start).rejects.toThrow(
    'worker exited with code 1: worker: DATABASE_URL: cannot read sslrootcert "/no/such/file.pem" (ENOENT)',
  )
  expect(await connectOnce(plainUrl)).toEqual([])
})

/** A migrated database on the server of `serverUrl`. Its URL has the same host and user. */
async function createDatabase(serverUrl: string): Promise<string> {
  const database = await createTestDatabase(serverUrl)
  onTestFinished(() => database.drop())
  return database.url
}

function at(host: string, url: string): string {
  const moved = new URL(url)
  moved.hostname = host
  return moved.href
}

function overTls(
  databaseUrl: string,
  { host = '127.0.0.1', authority }: { host?: string; authority: Certificate },
): string {
  const url = new URL(at(host, databaseUrl))
  url.searchParams.set('sslmode', 'verify-full')
  url.searchParams.set('sslrootcert', authority.certFile)
  return url.href
}

/** The services that are connected to this database. */
async function connectOnce(databaseUrl: string): Promise<unknown[]> {
  const pool = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-test' })
  try {
    const { rows } = await pool.query(
      `SELECT application_name FROM pg_stat_activity
       WHERE datname = current_database() AND application_name <> 'vss-test'`,
    )
    return rows
  } finally {
    await pool.end()
  }
}

interface LoneService {
  url: string
  /** The first line of its log with this text; undefined while there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: each line has other fields
  said(text: string): any
  readiness(): Promise<{ status: string; checks: Record<string, string> } | undefined>
}

/** Starts a service without waiting until it is ready. It is stopped when the test has finished. */
async function startAlone(
  name: ServiceName,
  options: { databaseUrl: string; redisUrl: string; env?: NodeJS.ProcessEnv },
): Promise<LoneService> {
  const log: string[] = []
  const [opsPort, port] = [await choosePort(0), await choosePort(0)]
  const stop = new AbortController()
  const start = startService(name, {
    ...options,
    env: { ...options.env, PORT: String(port), ALLOW_UNAUTHENTICATED: 'true', ENQUEUE_TIMEOUT_MS: '1000' },
    opsPort,
    onLine: (_, line) => log.push(line),
    signal: stop.signal,
  })
  const stopped = start.then(
    (service) => service,
    () => undefined,
  )
  onTestFinished(async () => {
    stop.abort()
    await (await stopped)?.stop()
  })
  return {
    url: `http://127.0.0.1:${port}/webhooks/vss`,
    said(text) {
      const line = log.find((line) => line.includes(text))
      return line && JSON.parse(line)
    },
    async readiness() {
      const response = await fetch(`http://127.0.0.1:${opsPort}/readyz`).catch(() => undefined)
      return (await response?.json()) as Awaited<ReturnType<LoneService['readiness']>>
    },
  }
}
