import { readFile } from 'node:fs/promises'
import { until } from '@vss-pipeline/local-stack'
import { type DeliveryRow, readDelivery, readSession } from '@vss-pipeline/reader'
import { pipelineVersion } from '@vss-pipeline/runtime'
import type { Session } from '@vss-pipeline/vss'
import { expect, test } from 'vitest'
import { readBody } from '../../support/accounting.ts'
import { asRead } from '../../support/as-read.ts'
import { completedSession, errorSession } from '../../support/example-sessions.ts'
import { type RunningPipeline, startRunningPipeline } from '../../support/running-pipeline.ts'

async function post(webhookUrl: string, body: Uint8Array | string): Promise<string> {
  const response = await fetch(webhookUrl, { method: 'POST', body })
  expect(response.status).toBe(200)
  return ((await response.json()) as { deliveryId: string }).deliveryId
}

async function postExample(pipeline: RunningPipeline, name: string, sessionId: string) {
  const body = await readFile(new URL(`../../fixtures/${name}`, import.meta.url))
  const deliveryId = await post(pipeline.webhookUrl, body)
  const stored = await until(`The session of ${name}`, () => readSession(pipeline.pool, sessionId), {
    timeoutMs: 1_000,
  })
  return { deliveryId, ...stored }
}

/** The row that the example of a session must become, with the times at which it was stored. */
function rowOf({ legs: _, ...session }: Session, deliveries: DeliveryRow[]) {
  const [delivery] = deliveries
  return {
    ...asRead(session),
    revision: 1,
    deliveryId: delivery?.deliveryId,
    receivedAt: delivery?.receivedAt,
    bodySha256: delivery?.bodySha256,
    processedAt: delivery?.processedAt,
    pipelineVersion,
    changeXid: expect.stringMatching(/^\d+$/),
  }
}

test.each([
  ['completed call', 'example-completed.json', completedSession],
  ['failed call', 'example-error.json', errorSession],
])('the example of a %s becomes its session and legs within a second', async (_, name, expected) => {
  const pipeline = await startRunningPipeline()
  const { sessionId } = expected

  const { deliveryId, session, legs, deliveries } = await postExample(pipeline, name, sessionId)

  expect(deliveries).toEqual([
    expect.objectContaining({ deliveryId, sessionId, outcome: 'stored', reasons: [], sourceIp: '127.0.0.1' }),
  ])
  expect(session).toEqual(rowOf(expected, deliveries))
  expect(legs).toEqual(expected.legs.map(asRead))
})

test('a malformed body is acknowledged and becomes a rejected delivery with its bytes', async () => {
  const { webhookUrl, pool } = await startRunningPipeline()
  const deliveryId = await post(webhookUrl, '{"payload": {"sessionId":')

  const delivery = await until('The ledger entry', () => readDelivery(pool, deliveryId), { timeoutMs: 1_000 })

  expect(delivery).toMatchObject({ outcome: 'rejected', reasons: [{ code: 'malformed_json', path: '' }] })
  expect((await readBody(pool, deliveryId))?.toString()).toBe('{"payload": {"sessionId":')
  const { rows } = await pool.query('SELECT body_text FROM vss.rejected WHERE delivery_id = $1', [deliveryId])
  expect(rows).toEqual([{ body_text: '{"payload": {"sessionId":' }])
})

test('a repeated delivery and a correction end as one session, and the ledger has the right outcome of each', async () => {
  const pipeline = await startRunningPipeline()
  const sessionId = '1f048a84-ea6d-11ee-911b-078f7290bf52'
  const body = await readFile(new URL('../../fixtures/example-completed.json', import.meta.url), 'utf8')
  const corrected = body.replace('"callDuration": 13', '"callDuration": 12')

  async function postAndWait(text: string, expectedDeliveries: number) {
    const deliveryId = await post(pipeline.webhookUrl, text)
    const stored = await until(
      `Delivery ${expectedDeliveries} of the session`,
      async () => {
        const found = await readSession(pipeline.pool, sessionId)
        return found?.deliveries.length === expectedDeliveries ? found : undefined
      },
      { timeoutMs: 5_000 },
    )
    return { deliveryId, ...stored }
  }

  await postAndWait(body, 1)
  const redelivery = await postAndWait(body, 2)
  expect(redelivery.session).toMatchObject({ revision: 1, deliveryId: redelivery.deliveryId })

  const correction = await postAndWait(corrected, 3)
  expect(correction.deliveries.map(({ outcome }) => outcome)).toEqual(['stored', 'duplicate', 'stored'])
  expect(correction.session).toMatchObject({ revision: 2, deliveryId: correction.deliveryId })
  expect(correction.legs.map(({ durationSeconds }) => durationSeconds).sort()).toEqual([12, 13])
})
