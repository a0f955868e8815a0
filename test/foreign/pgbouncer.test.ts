import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { countLedger, expectAccountedFor } from '../support/accounting.ts'
import { createTestDatabase } from '../support/databases.ts'
import { postUntilAcknowledged } from '../support/load.ts'
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { type RunningPipeline, startRunningPipeline } from '../support/running-pipeline.ts'
import { vss } from '../support/vss-command.ts'

test('through a transaction pooler every delivery is written once, and no setting stays on a connection', async () => {
  const { pipeline, bouncer } = await startBehindPgBouncer()
  const events = generateEvents({ seed: 'pooled', count: 10_000, dirtyShare: 0.05 })

  const load = await postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 64 })

  await expectAccountedFor(pipeline.pool, load.acknowledged, { withinMs: 30_000 })
  for (const worker of pipeline.workers) expect((await fetch(`${worker.opsUrl}/readyz`)).status).toBe(200)
  const env = {
    DATABASE_URL: pipeline.databaseUrl,
    REDIS_URL: pipeline.redisUrl,
    QUEUE_PREFIX: pipeline.queuePrefix,
  }
  const status = await vss(['status', '--json'], env)
  expect(JSON.parse(status.stdout)).toMatchObject({ ledger: { total: 10_000 }, problems: [] })
  const { sessionId } = load.acknowledged.find(({ event }) => event.expected.outcome === 'stored')!.event
  const shown = await vss(['sessions', 'show', sessionId!, '--json'], env)
  expect(JSON.parse(shown.stdout)).toMatchObject({ session: { sessionId } })
  const others = { statement: '0', lock: '0', idle: '0', check: '0' }
  expect(await readLimits(bouncer.url, 20)).toEqual(Array(20).fill(others))
})

test('a pooler is restarted twice under load: no delivery is lost', async () => {
  const { pipeline, bouncer } = await startBehindPgBouncer()
  const count = 10_000
  const events = generateEvents({ seed: 'restarted', count, dirtyShare: 0.05 })
  const load = postUntilAcknowledged(pipeline.webhookUrl, events, { connections: 8 })

  for (const share of [0.1, 0.3]) {
    await until('The rows before a restart', async () => (await countLedger(pipeline.pool)) > share * count, {
      timeoutMs: 30_000,
    })
    await bouncer.restart()
  }

  const { acknowledged, answers } = await load
  expect(Object.fromEntries(answers)).toEqual({ 200: count })
  await expectAccountedFor(pipeline.pool, acknowledged, { withinMs: 60_000 })
  expect(pipeline.log.some((line) => line.includes('the database is away'))).toBe(true)
})

test('vss doctor finds a pooler that pools by statement', async () => {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const bouncer = await startPgBouncer(database.url, 'statement')
  const env = { DATABASE_URL: bouncer.url, REDIS_URL: inject('redisUrl') }
  const { findings } = JSON.parse((await vss(['doctor', '--json'], env)).stdout)
  expect(findings).toContainEqual(expect.objectContaining({ code: 'pooler_by_statement', level: 'error' }))
  expect(findings).not.toContainEqual(expect.objectContaining({ code: 'postgres_away' }))
})

/** Starts a pipeline with two workers, which share the pooler's connections. */
async function startBehindPgBouncer(): Promise<{ pipeline: RunningPipeline; bouncer: PgBouncer }> {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const bouncer = await startPgBouncer(database.url)
  return { pipeline: await startRunningPipeline({ workers: 2, databaseUrl: bouncer.url }), bouncer }
}

/**
 * Reads the limits that a client finds when it sets none itself, on each of the pooler's connections.
 *
 * @param connections as many as the pooler opens: 20 by default.
 */
async function readLimits(databaseUrl: string, connections: number): Promise<object[]> {
  const clients = Array.from({ length: connections }, () => new pg.Client({ connectionString: databaseUrl }))
  try {
    await Promise.all(clients.map((client) => client.connect()))
    // In a transaction, each client keeps one of the pooler's connections to itself.
    await Promise.all(clients.map((client) => client.query('BEGIN')))
    return await Promise.all(
      clients.map(async (client) => {
        const { rows } = await client.query(
          `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
                  current_setting('idle_in_transaction_session_timeout') AS idle,
                  current_setting('client_connection_check_interval') AS check`,
        )
        return rows[0]
      }),
    )
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}
