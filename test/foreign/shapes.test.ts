import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { expectInLedgerOnce } from '../support/accounting.ts'
import { type RunningPipeline, startRunningPipeline } from '../support/running-pipeline.ts'
import { completedExample } from '../support/vendor-examples.ts'
import { malformed, otherObjects, otherValues } from './json-shapes.ts'
import { naughtyStrings } from './naughty-strings.ts'
import { postBodies } from './post-bodies.ts'

test('every shape of JSON that is no event is acknowledged, kept byte for byte and rejected with its reason', async () => {
  const pipeline = await startRunningPipeline()
  const expected = [
    ...otherValues.map((shape) => [shape, 'not_an_object'] as const),
    ...otherObjects.map((shape) => [shape, undefined] as const),
    ...malformed.map((shape) => [shape, 'malformed_json'] as const),
  ]
  const deliveryIds = await postBodies(
    pipeline.webhookUrl,
    expected.map(([shape]) => shape.body),
  )
  const outcomes = await expectInLedgerOnce(pipeline.pool, deliveryIds, { withinMs: 30_000 })

  expect(new Set([...outcomes.values()].flat())).toEqual(new Set(['rejected']))
  const kept = await readKept(pipeline, deliveryIds)
  for (const [index, [shape, code]] of expected.entries()) {
    const { body, codes } = kept.get(deliveryIds[index]!)!
    expect(body.equals(shape.body), `the body of ${shape.name}`).toBe(true)
    if (code !== undefined) expect(codes, shape.name).toEqual([code])
    else expect(codes, shape.name).not.toContain('malformed_json')
  }
})

test('naughty strings are stored as they were sent', async () => {
  const pipeline = await startRunningPipeline()
  const events = naughtyStrings.map((naughty) => {
    const event = completedExample()
    const sessionId = randomUUID()
    event.payload.sessionId = sessionId
    event.payload.clientRequestId = naughty
    return { naughty, sessionId, body: Buffer.from(JSON.stringify(event)) }
  })
  const deliveryIds = await postBodies(
    pipeline.webhookUrl,
    events.map(({ body }) => body),
  )
  const outcomes = await expectInLedgerOnce(pipeline.pool, deliveryIds, { withinMs: 30_000 })
  expect(new Set([...outcomes.values()].flat())).toEqual(new Set(['stored']))

  const { rows } = await pipeline.pool.query<{ session_id: string; text: string }>(
    'SELECT session_id, client_request_id AS text FROM vss.sessions',
  )
  const stored = new Map(rows.map(({ session_id, text }) => [session_id, text]))
  for (const { naughty, sessionId } of events)
    expect(stored.get(sessionId), JSON.stringify(naughty)).toBe(naughty)
})

async function readKept(
  { pool }: RunningPipeline,
  deliveryIds: string[],
): Promise<Map<string, { body: Buffer; codes: string[] }>> {
  const { rows } = await pool.query<{ delivery_id: string; body: Buffer; reasons: { code: string }[] }>(
    `SELECT delivery_id, bodies.body, reasons FROM vss.deliveries JOIN vss.bodies USING (received_at, delivery_id)
     WHERE delivery_id = ANY ($1::uuid[])`,
    [deliveryIds],
  )
  return new Map(
    rows.map(({ delivery_id, body, reasons }) => [
      delivery_id,
      { body, codes: reasons.map(({ code }) => code) },
    ]),
  )
}
