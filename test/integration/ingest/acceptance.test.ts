import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { isDeliveryId, receivedAtMsOf } from '@vss-pipeline/delivery'
import fc from 'fast-check'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { exchange, openRawClient, parseAnswers } from './raw-client.ts'
import { startIngest } from './running-ingest.ts'

async function post(url: string, body: Uint8Array | string, headers: Record<string, string> = {}) {
  const response = await request(url, { method: 'POST', body, headers })
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
}

test('a delivery is answered with 200 and the UUIDv7 it is kept under', async () => {
  const ingest = await startIngest()
  const before = Date.now()
  const { status, headers, text } = await post(ingest.url, '{"a":1}')
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('application/json')
  expect(JSON.parse(text)).toEqual({ deliveryId: expect.toSatisfy(isDeliveryId) })
  const [kept] = ingest.kept
  expect(kept).toMatchObject({ deliveryId: JSON.parse(text).deliveryId, sourceIp: '127.0.0.1' })
  expect(kept?.receivedAtMs).toBe(receivedAtMsOf(kept!.deliveryId))
  expect(kept?.receivedAtMs).toBeGreaterThanOrEqual(before)
  expect(kept?.receivedAtMs).toBeLessThanOrEqual(Date.now())
})

test('the answer says that the connection stays open for longer than proxies keep theirs', async () => {
  const ingest = await startIngest()
  expect((await post(ingest.url, '')).headers['keep-alive']).toBe('timeout=620')
})

describe('the body is kept as sent', () => {
  test.each([
    ['JSON', Buffer.from('{"ü":"→"}'), {}],
    ['empty', Buffer.alloc(0), {}],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28]), { 'content-type': 'application/json' }],
    ['with a byte-order mark', Buffer.from('\uFEFF{}'), {}],
    ['gzip', gzipSync('{}'), { 'content-encoding': 'gzip' }],
    ['of any type', Buffer.from('<a/>'), { 'content-type': 'text/xml; charset=latin1' }],
    ['at the limit', Buffer.alloc(65_536, 7), {}],
  ])('%s', async (_, body, headers) => {
    const ingest = await startIngest()
    expect((await post(ingest.url, body, headers)).status).toBe(200)
    expect(ingest.kept).toHaveLength(1)
    expect(Buffer.from(ingest.kept[0]!.body).equals(body)).toBe(true)
  })

  test('of any bytes, in any chunks', async () => {
    const ingest = await startIngest()
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(chunks, async (chunks) => {
        async function* body() {
          for (const chunk of chunks) {
            yield chunk
            await new Promise(setImmediate)
          }
        }
        const response = await request(ingest.url, { method: 'POST', body: Readable.from(body()) })
        await response.body.dump()
        expect(response.statusCode).toBe(200)
        expect(Buffer.from(ingest.kept.at(-1)!.body).equals(Buffer.concat(chunks))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })
})

test('a path with a query or an encoded letter is the same path', async () => {
  const ingest = await startIngest()
  expect((await post(`${ingest.url}?a=%zz&b`, '')).status).toBe(200)
  expect((await post(ingest.url.replace('vss', '%76ss'), '')).status).toBe(200)
})

test('the answer comes only when the delivery is kept', async () => {
  const keeping = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const ingest = await startIngest({
    createKeep: () => () => {
      begun.resolve()
      return keeping.promise
    },
  })
  let answered = false
  const answer = post(ingest.url, '{}').then((answer) => {
    answered = true
    return answer
  })
  await begun.promise
  // An exchange that comes after it.
  await exchange(ingest.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  expect(answered).toBe(false)
  keeping.resolve()
  expect((await answer).status).toBe(200)
})

test('requests pipelined on one connection are answered in their order, each with its own id', async () => {
  const ingest = await startIngest()
  const client = await openRawClient(ingest.port)
  const bodies = ['first', 'second', 'third']
  const head = 'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\n'
  client.send(
    bodies
      .map((body, index) => {
        const last = index === bodies.length - 1 ? 'Connection: close\r\n' : ''
        return `${head}${last}Content-Length: ${body.length}\r\n\r\n${body}`
      })
      .join(''),
  )
  const answers = parseAnswers(await client.ended)
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  const idOf = new Map(ingest.kept.map(({ body, deliveryId }) => [Buffer.from(body).toString(), deliveryId]))
  expect(answers.map(({ body }) => JSON.parse(body).deliveryId)).toEqual(bodies.map((body) => idOf.get(body)))
})

test('ids of one process rise, so that they order its deliveries', async () => {
  const ingest = await startIngest()
  for (let n = 0; n < 50; n++) await post(ingest.url, String(n))
  const ids = ingest.kept.map(({ deliveryId }) => deliveryId)
  expect(ids).toEqual(ids.toSorted())
  expect(new Set(ids).size).toBe(50)
})

test('the source address is the one that a trusted proxy saw, not the one that the sender claims', async () => {
  const ingest = await startIngest({ config: { trustedProxies: ['127.0.0.1'] } })
  await post(ingest.url, '', { 'x-forwarded-for': '8.8.8.8, 203.0.113.9' })
  expect(ingest.kept[0]?.sourceIp).toBe('203.0.113.9')
  const direct = await startIngest()
  await post(direct.url, '', { 'x-forwarded-for': '203.0.113.9' })
  expect(direct.kept[0]?.sourceIp).toBe('127.0.0.1')
})

test('accepted deliveries are counted', async () => {
  const ingest = await startIngest()
  for (const body of ['a', 'b']) await post(ingest.url, body)
  expect(await ingest.registry.metrics()).toMatch(/^vss_deliveries_accepted_total 2$/m)
  expect(await ingest.refused()).toEqual({})
})
