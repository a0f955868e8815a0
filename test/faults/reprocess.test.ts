import { setTimeout as pause } from 'node:timers/promises'
import type { Delivery } from '@vss-pipeline/delivery'
import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { enrich, reject, validate } from '@vss-pipeline/pipeline'
import { createWriter, type Pool } from '@vss-pipeline/storage'
import type { LedgerEntry } from '@vss-pipeline/vss'
import { expect, onTestFinished, test } from 'vitest'
import { makeDelivery } from '../support/deliveries.ts'
import {
  expectEveryPostAcknowledged,
  type FaultyPipeline,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'
import { killProcess } from '../support/faulty-server.ts'
import { openPool } from '../support/open-storage.ts'
import { startVss, vss } from '../support/vss-command.ts'

const command = ['reprocess', '--outcome', 'rejected', '--yes']

test('10,000 that a release rejected come back beside two workers, in the right order, and the feed tells each once', async () => {
  const pipeline = await startFaultyPipeline({ workers: 2 })
  const bad = await writeRejected(pipeline, 10_000)
  const feed = followFeed(pipeline.postgres.url)
  let tookMs = 0

  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'reprocess',
    count: 20_000,
    withinMs: 120_000,
    async fault() {
      const startedAt = performance.now()
      const { exitCode, stderr } = await vss(command, { DATABASE_URL: pipeline.postgres.url })
      tookMs = Math.round(performance.now() - startedAt)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    },
  })

  expectEveryPostAcknowledged(aftermath)
  await expectBroughtBack(pipeline, bad, feed)
  console.log(`reprocess: 10,000 rejects judged again in ${tookMs} ms beside two workers under load`)
})

test('the command and a worker are killed in the middle, twice: the next run brings back the rest', async () => {
  const pipeline = await startFaultyPipeline()
  const bad = await writeRejected(pipeline, 10_000)
  const feed = followFeed(pipeline.postgres.url)
  const env = { DATABASE_URL: pipeline.postgres.url }
  const leftAtKills: number[] = []

  const aftermath = await surviveUnderLoad(pipeline, {
    seed: 'reprocess-killed',
    count: 6_000,
    withinMs: 120_000,
    async fault() {
      let worker = pipeline.workers[0]!
      for (let kills = 0; kills < 2; kills++) {
        const before = await countLeft(pipeline.pool, bad)
        const victim = startVss([...command, '--rate', '1000'], env)
        await until('Some that are back', async () => (await countLeft(pipeline.pool, bad)) < before, {
          timeoutMs: 60_000,
        })
        victim.process.kill('SIGKILL')
        await Promise.all([victim.ended, killProcess(worker)])
        leftAtKills.push(await countLeft(pipeline.pool, bad))
        worker = await pipeline.startWorker()
      }
      expect(await vss(command, env)).toMatchObject({ exitCode: 0 })
    },
  })

  expectEveryPostAcknowledged(aftermath)
  expect(
    leftAtKills.every((left) => left > 0),
    `${leftAtKills.join(', ')} were left at the kills`,
  ).toBe(true)
  await expectBroughtBack(pipeline, bad, feed)
})

/** The remains of a bad release, with the outcome that each of its rejects must get. */
interface Rejected {
  /** By delivery id. */
  expected: Map<string, 'stored' | 'superseded'>
  /** The session that is told by a reject alone has one change. */
  toldOnce: Set<string>
}

/**
 * Writes deliveries that a release has rejected although they are good. Of every ten sessions one was told twice, both
 * rejected, and one was corrected by a newer delivery that was stored.
 */
async function writeRejected({ postgres }: FaultyPipeline, count: number): Promise<Rejected> {
  const events = [...generateEvents({ seed: 'bad release', count: Math.round(count / 1.1) })]
  const rejected: Rejected = { expected: new Map(), toldOnce: new Set() }
  const entries: LedgerEntry[] = []
  events.forEach(({ body, sessionId }, index) => {
    const [older, newer] = [makeDelivery(body, 7_200), makeDelivery(corrected(body), 3_600)]
    entries.push(wronglyRejected(older))
    if (index % 10 === 0) {
      entries.push(wronglyRejected(newer))
      rejected.expected.set(newer.deliveryId, 'stored')
    } else if (index % 10 === 1) entries.push(enrich(validate(newer)))
    // The first received come first: of two rejects each is stored, one after the other.
    rejected.expected.set(older.deliveryId, index % 10 === 1 ? 'superseded' : 'stored')
    if (index % 10 > 0) rejected.toldOnce.add(sessionId!)
  })
  const writer = createWriter({ pool: openPool(postgres.url), pipelineVersion: 'bad' })
  for (let first = 0; first < entries.length; first += 500)
    await writer.write(entries.slice(first, first + 500))
  return rejected
}

function wronglyRejected(delivery: Delivery): LedgerEntry {
  return reject(delivery, [{ code: 'invalid_field', path: 'payload', message: 'a bad release' }])
}

function corrected(body: Uint8Array): string {
  const event = JSON.parse(Buffer.from(body).toString())
  return JSON.stringify({ ...event, payload: { ...event.payload, clientRequestId: 'corrected' } })
}

/** Reads the feed until the test has finished. @returns the revisions that it told, by session. */
function followFeed(databaseUrl: string): ReadonlyMap<string, number[]> {
  const pool = openPool(databaseUrl)
  const told = new Map<string, number[]>()
  const end = new AbortController()
  let cursor: string | null = null

  async function follow(): Promise<void> {
    while (!end.signal.aborted) {
      const { rows } = await pool
        .query<{ cursor: string; session_id: string; revision: number }>(
          'SELECT * FROM vss.changes($1, 1000)',
          [cursor],
        )
        .catch(() => ({ rows: [] }))
      for (const { session_id, revision } of rows) {
        told.set(session_id, [...(told.get(session_id) ?? []), revision])
      }
      cursor = rows.at(-1)?.cursor ?? cursor
      await pause(50)
    }
  }
  const following = follow()
  onTestFinished(async () => {
    end.abort()
    await following
  })
  return told
}

async function expectBroughtBack(
  { pool }: FaultyPipeline,
  { expected, toldOnce }: Rejected,
  feed: ReadonlyMap<string, number[]>,
): Promise<void> {
  const { rows } = await pool.query<{ id: string; outcome: string }>(
    'SELECT delivery_id AS id, outcome FROM vss.deliveries WHERE delivery_id = ANY ($1::uuid[])',
    [[...expected.keys()]],
  )
  expect(rows).toHaveLength(expected.size)
  expect(rows.filter(({ id, outcome }) => outcome !== expected.get(id))).toEqual([])
  const { rows: sessions } = await pool.query<{ id: string }>(
    'SELECT session_id AS id FROM vss.sessions WHERE session_id = ANY ($1::uuid[])',
    [[...toldOnce]],
  )
  expect(sessions).toHaveLength(toldOnce.size)
  await until('The feed', () => [...toldOnce].every((id) => feed.has(id)), { timeoutMs: 30_000 })
  expect([...toldOnce].filter((id) => feed.get(id)!.length !== 1)).toEqual([])
}

async function countLeft(pool: Pool, { expected }: Rejected): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM vss.deliveries WHERE outcome = 'rejected' AND delivery_id = ANY ($1::uuid[])`,
    [[...expected.keys()]],
  )
  return rows[0]!.count
}
