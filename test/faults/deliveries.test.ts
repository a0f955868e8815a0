import { hash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { receivedAtMsOf } from '@vss-pipeline/delivery'
import { createRandom, type GeneratedEvent, generateEvents, type Random } from '@vss-pipeline/generator'
import { readSession } from '@vss-pipeline/reader'
import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { countLedger, countLedgerByOutcome, expectInLedgerOnce } from '../support/accounting.ts'
import {
  expectAccounted,
  expectTrueWatermark,
  type FaultyPipeline,
  startFaultyPipeline,
} from '../support/faulty-pipeline.ts'
import { type Acknowledged, postUntilAcknowledged } from '../support/load.ts'
import { openProducer } from '../support/producer.ts'
import type { RunningPipeline } from '../support/running-pipeline.ts'

test('the same event, posted 100 times at once, is one session', async () => {
  const pipeline = await startFaultyPipeline({ workers: 4 })
  const [event] = generateEvents({ seed: 'delivery-repeated', count: 1 })
  const { acknowledged, answers } = await postUntilAcknowledged(pipeline.webhookUrl, Array(100).fill(event), {
    connections: 100,
  })
  const recoveredMs = await accountFor('delivery-repeated', pipeline, acknowledged)
  await expectTrueWatermark(pipeline, acknowledged)
  expect(Object.fromEntries(answers)).toEqual({ 200: 100 })
  expect(await countLedgerByOutcome(pipeline.pool)).toEqual({
    stored: 1,
    duplicate: 99,
    superseded: 0,
    rejected: 0,
  })

  const { session, legs } = (await readSession(pipeline.pool, event!.sessionId!))!
  expect(session).toMatchObject({ revision: 1, deliveryId: newestOf(acknowledged).deliveryId })
  expect(legs).toHaveLength(new Set(legs.map(({ callId }) => callId)).size)
  expect(recoveredMs).toBeLessThan(10_000)
})

test('of corrections posted at once the session keeps the one received last, whichever worker wrote it', async () => {
  const pipeline = await startFaultyPipeline({ workers: 4 })
  const random = createRandom('delivery-corrected')
  const versions = shuffle(random, versionsOf('delivery-corrected', { sessions: 100, versions: 20 }))
  const { acknowledged, answers } = await postUntilAcknowledged(pipeline.webhookUrl, versions, {
    connections: 64,
  })
  const recoveredMs = await accountFor('delivery-corrected', pipeline, acknowledged)
  await expectTrueWatermark(pipeline, acknowledged)
  expect([...answers.keys()]).toEqual(['200'])
  await expectNewest(pipeline, acknowledged)
  expect(recoveredMs).toBeLessThan(20_000)
})

test('of corrections that reach the workers in any order the session keeps the one received last', async () => {
  const pipeline = await startFaultyPipeline({ workers: 4 })
  const random = createRandom('delivery-shuffled')
  const received = await receive(versionsOf('delivery-shuffled', { sessions: 40, versions: 20 }))
  await enqueueOneByOne(pipeline, shuffle(random, received))

  const recoveredMs = await accountFor('delivery-shuffled', pipeline, received)
  expect(await countLedger(pipeline.pool)).toBe(received.length)
  const { stored, superseded, ...others } = await countLedgerByOutcome(pipeline.pool)
  expect(others, 'each version has another body').toEqual({ duplicate: 0, rejected: 0 })
  expect(superseded, 'versions that came too late').toBeGreaterThan(0)
  await expectNewest(pipeline, received)
  expect(await sumOfRevisions(pipeline), 'a revision for each version that was stored').toBe(stored)
  expect(recoveredMs).toBeLessThan(30_000)
})

async function accountFor(
  name: string,
  pipeline: FaultyPipeline,
  acknowledged: Acknowledged[],
): Promise<number> {
  const startedAt = performance.now()
  await expectInLedgerOnce(
    pipeline.pool,
    acknowledged.map(({ deliveryId }) => deliveryId),
    { withinMs: 30_000 },
  )
  const recoveredMs = Math.round(performance.now() - startedAt)
  await expectAccounted(pipeline, acknowledged, { withinMs: 0 })
  const outcomes = JSON.stringify(await countLedgerByOutcome(pipeline.pool))
  console.log(
    `${name}: ${acknowledged.length} acknowledged, 0 lost, 0 doubled, all in the ledger after ${recoveredMs} ms; outcomes ${outcomes}`,
  )
  return recoveredMs
}

/** Makes every session in every version: the first version of all sessions, then the second of all, and so on. */
function versionsOf(seed: string, count: { sessions: number; versions: number }): GeneratedEvent[] {
  const events = [...generateEvents({ seed, count: count.sessions })]
  return Array.from({ length: count.versions }, (_, version) =>
    events.map((event) => ({ ...event, body: withRequestId(event.body, `version-${version}`) })),
  ).flat()
}

function withRequestId(body: Uint8Array, clientRequestId: string): Uint8Array {
  const event = JSON.parse(new TextDecoder().decode(body)) as { payload: object }
  return new TextEncoder().encode(
    JSON.stringify({ ...event, payload: { ...event.payload, clientRequestId } }),
  )
}

function shuffle<Item>(random: Random, items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}

/** Gives each event a delivery id, as ingest does. Some ids are of the same millisecond. */
async function receive(events: GeneratedEvent[]): Promise<Acknowledged[]> {
  const received: Acknowledged[] = []
  for (const event of events) {
    if (received.length % 50 === 0) await pause(2)
    received.push({ deliveryId: uuidv7(), event })
  }
  return received
}

/** Enqueues each delivery as a batch of its own, so that any worker may take it. */
async function enqueueOneByOne(pipeline: RunningPipeline, deliveries: Acknowledged[]): Promise<void> {
  const producer = await openProducer(pipeline)
  await Promise.all(
    deliveries.map(({ deliveryId, event }) =>
      producer.enqueue([
        { deliveryId, receivedAtMs: receivedAtMsOf(deliveryId), sourceIp: null, body: event.body },
      ]),
    ),
  )
}

async function sumOfRevisions({ pool }: RunningPipeline): Promise<number> {
  const { rows } = await pool.query<{ sum: number }>('SELECT sum(revision)::int AS sum FROM vss.sessions')
  return rows[0]?.sum ?? 0
}

/** The delivery that was received last: the ids of one ingest sort by receipt. */
function newestOf(acknowledged: readonly Acknowledged[]): Acknowledged {
  return acknowledged.reduce((newest, one) => (one.deliveryId > newest.deliveryId ? one : newest))
}

/** Expects each session to have the content of its newest delivery. */
async function expectNewest({ pool }: RunningPipeline, acknowledged: readonly Acknowledged[]): Promise<void> {
  const bySession = Map.groupBy(acknowledged, ({ event }) => event.sessionId!)
  const { rows } = await pool.query<{ id: string; told_by: string; body: string; request: string }>(
    `SELECT session_id AS id, delivery_id AS told_by, encode(body_sha256, 'hex') AS body, client_request_id AS request
     FROM vss.sessions`,
  )
  expect(rows).toHaveLength(bySession.size)
  const expected = rows.map(({ id }) => {
    const { deliveryId, event } = newestOf(bySession.get(id)!)
    return { id, told_by: deliveryId, body: hash('sha256', event.body), request: requestIdOf(event) }
  })
  expect(rows).toEqual(expected)
}

function requestIdOf({ body }: GeneratedEvent): string {
  return (JSON.parse(new TextDecoder().decode(body)) as { payload: { clientRequestId: string } }).payload
    .clientRequestId
}
