import { readFile } from 'node:fs/promises'
import { until } from '@vss-pipeline/local-stack'
import { pipelineVersion } from '@vss-pipeline/runtime'
import { readDelivery, readSession } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import { type RunningPipeline, startRunningPipeline } from '../../running-pipeline.ts'

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

test('the example of a completed call becomes one session and two legs within a second', async () => {
  const pipeline = await startRunningPipeline()
  const sessionId = '1f048a84-ea6d-11ee-911b-078f7290bf52'
  const { deliveryId, session, legs, deliveries } = await postExample(
    pipeline,
    'example-completed.json',
    sessionId,
  )

  expect(session).toEqual({
    sessionId,
    subAccountId: '8x8_test',
    status: 'COMPLETED',
    startedAt: '2024-03-25T06:01:30.000Z',
    endedAt: '2024-03-25T06:01:50.000Z',
    durationSeconds: 20,
    lastAction: 'MAKE_CALL',
    callCount: 2,
    clientRequestId: null,
    schemaVersion: null,
    errorCode: null,
    errorMessage: null,
    errorMeaning: null,
    caller: '+12314377870',
    virtualNumber: '+6568332048',
    callee: '+6591178965',
    answered: true,
    ringSeconds: 7,
    talkSeconds: 13,
    mosMin: 4.5,
    mosBand: 'excellent',
    packetLossMax: 0,
    jitterMsMax: 20,
    anomalies: [],
    revision: 1,
    deliveryId,
    receivedAt: deliveries[0]?.receivedAt,
    bodySha256: deliveries[0]?.bodySha256,
    processedAt: deliveries[0]?.processedAt,
    pipelineVersion,
  })
  expect(legs).toEqual([
    {
      leg: 'A',
      callId: '1f048a83-ea6d-11ee-911b-e9023a97c284',
      direction: 'INBOUND',
      callType: 'PSTN',
      status: 'COMPLETED',
      initiatedAt: '2024-03-25T06:01:28.000Z',
      connectedAt: '2024-03-25T06:01:37.000Z',
      disconnectedAt: '2024-03-25T06:01:50.000Z',
      ringSeconds: 9,
      durationSeconds: 13,
      source: '+12314377870',
      destination: '+6568332048',
      sourceFormat: 'MSISDN',
      destinationFormat: 'MSISDN',
      sourceCountry: 'US',
      destinationCountry: 'SG',
      sourceRefId: null,
      destinationRefId: 'PSTN1',
      sourceType: 'FIXED_LINE_OR_MOBILE',
      destinationType: 'FIXED_LINE',
      mos: 4.5,
      mosBand: 'excellent',
      packetLossRate: 0,
      jitterMs: 20,
      errorCode: null,
      errorMessage: null,
    },
    {
      leg: 'B',
      callId: '1fbdef11-ea6d-11ee-9e30-e53b76c602ef',
      direction: 'OUTBOUND',
      callType: 'PSTN',
      status: 'COMPLETED',
      initiatedAt: '2024-03-25T06:01:30.000Z',
      connectedAt: '2024-03-25T06:01:37.000Z',
      disconnectedAt: '2024-03-25T06:01:50.000Z',
      ringSeconds: 7,
      durationSeconds: 13,
      source: '+6568332048',
      destination: '+6591178965',
      sourceFormat: 'MSISDN',
      destinationFormat: 'MSISDN',
      sourceCountry: 'SG',
      destinationCountry: 'SG',
      sourceRefId: 'PSTN1',
      destinationRefId: null,
      sourceType: 'FIXED_LINE',
      destinationType: 'MOBILE',
      mos: 4.5,
      mosBand: 'excellent',
      packetLossRate: 0,
      jitterMs: 19,
      errorCode: null,
      errorMessage: null,
    },
  ])
  expect(deliveries).toEqual([
    expect.objectContaining({ deliveryId, sessionId, outcome: 'stored', reasons: [], sourceIp: '127.0.0.1' }),
  ])
})

test('the example of a failed call keeps code and message as sent, with the meaning of the code', async () => {
  const pipeline = await startRunningPipeline()
  const sessionId = '47f19e66-2163-11ee-8ccd-27b543a164ea'
  const { deliveryId, session, legs, deliveries } = await postExample(
    pipeline,
    'example-error.json',
    sessionId,
  )

  expect(session).toEqual({
    sessionId,
    subAccountId: 'wavecell_voice',
    status: 'ERROR',
    startedAt: '2023-07-13T09:54:38.000Z',
    endedAt: '2023-07-13T09:54:38.000Z',
    durationSeconds: 0,
    lastAction: 'PLAY_TTS',
    callCount: 1,
    clientRequestId: null,
    schemaVersion: null,
    errorCode: -2005,
    errorMessage: 'No coverage available for requested area',
    errorMeaning: 'Unable to synthesize text to speech',
    caller: null,
    virtualNumber: '+6568332048',
    callee: '+6591178965',
    answered: false,
    ringSeconds: null,
    talkSeconds: 0,
    mosMin: null,
    mosBand: null,
    packetLossMax: null,
    jitterMsMax: null,
    anomalies: ['error_mismatch'],
    revision: 1,
    deliveryId,
    receivedAt: deliveries[0]?.receivedAt,
    bodySha256: deliveries[0]?.bodySha256,
    processedAt: deliveries[0]?.processedAt,
    pipelineVersion,
  })
  expect(legs).toEqual([
    {
      leg: 'A',
      callId: '4809bb03-2163-11ee-8f06-8da8b5ddeca4',
      direction: 'OUTBOUND',
      callType: 'PSTN',
      status: 'ERROR',
      initiatedAt: '2023-07-13T09:54:38.000Z',
      connectedAt: null,
      disconnectedAt: '2023-07-13T09:54:38.000Z',
      ringSeconds: null,
      durationSeconds: 0,
      source: '+6568332048',
      destination: '+6591178965',
      sourceFormat: 'MSISDN',
      destinationFormat: 'MSISDN',
      sourceCountry: 'SG',
      destinationCountry: 'SG',
      sourceRefId: 'PSTN1',
      destinationRefId: null,
      sourceType: 'FIXED_LINE',
      destinationType: 'MOBILE',
      mos: null,
      mosBand: null,
      packetLossRate: null,
      jitterMs: null,
      errorCode: null,
      errorMessage: null,
    },
  ])
})

test('a malformed body is acknowledged and becomes a rejected delivery with its bytes', async () => {
  const { webhookUrl, pool } = await startRunningPipeline()
  const deliveryId = await post(webhookUrl, '{"payload": {"sessionId":')

  const delivery = await until('The ledger entry', () => readDelivery(pool, deliveryId), { timeoutMs: 1_000 })

  expect(delivery).toMatchObject({ outcome: 'rejected', reasons: [{ code: 'malformed_json', path: '' }] })
  expect(delivery.body?.toString()).toBe('{"payload": {"sessionId":')
  const { rows } = await pool.query('SELECT body_text FROM vss.rejected WHERE delivery_id = $1', [deliveryId])
  expect(rows).toEqual([{ body_text: '{"payload": {"sessionId":' }])
})

test('a redelivery and a correction end as one session with the right outcomes', async () => {
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
