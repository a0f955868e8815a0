import { once } from 'node:events'
import { until } from '@vss-pipeline/local-stack'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { exchange, openRawClient, parseAnswers, type RawClient } from './raw-client.ts'
import { expectServing, startIngest } from './running-ingest.ts'

const chunkedHead = 'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const tooLarge = { error: { code: 'payload_too_large', message: 'the body is over the size limit' } }
const timedOut = { error: { code: 'request_timeout', message: 'the request did not arrive in time' } }

function lengthHead(bytes: number): string {
  return `POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`
}

/** The head of a request that is answered with 100 when its body may come. */
function expectingHead(bytes: number): string {
  return lengthHead(bytes).replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n')
}

function chunk(bytes: number): string {
  return `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`
}

/** Sends chunks as fast as the server takes them, until the connection ends. */
async function sendWithoutEnd({ socket }: RawClient): Promise<void> {
  const data = Buffer.from(chunk(16_384))
  while (!socket.destroyed && socket.writable) {
    if (!socket.write(data)) {
      await Promise.race([
        new Promise((resolve) => socket.once('drain', resolve)),
        new Promise((resolve) => socket.once('close', resolve)),
      ])
    }
    await new Promise(setImmediate)
  }
}

describe('a body over the limit', () => {
  test('is refused by its Content-Length, before any of it is sent', async () => {
    const ingest = await startIngest()
    const startedAt = performance.now()
    const answer = await exchange(
      ingest.port,
      'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n',
    )
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect(answer.status).toBe(413)
    expect(answer.headers.get('connection')).toBe('close')
    expect(JSON.parse(answer.body)).toEqual(tooLarge)
    expect(ingest.kept).toEqual([])
    expect(await ingest.refused()).toEqual({ payload_too_large: 1 })
  })

  test('is refused while it streams, at the first byte too many', async () => {
    const ingest = await startIngest({ config: { maxBodyBytes: 1_024 } })
    const client = await openRawClient(ingest.port)
    client.send(chunkedHead)
    client.send(chunk(1_000))
    client.send(chunk(25))
    const [answer] = parseAnswers(await client.ended)
    expect(answer?.status).toBe(413)
    expect(answer?.headers.get('connection')).toBe('close')
    expect(JSON.parse(answer!.body)).toEqual(tooLarge)
    expect(ingest.kept).toEqual([])
    expect(await ingest.refused()).toEqual({ payload_too_large: 1 })
  })

  test('is measured by its sum: many tiny chunks within the limit are kept', async () => {
    const ingest = await startIngest()
    const client = await openRawClient(ingest.port)
    client.send(chunkedHead.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    const letters = Array.from({ length: 1_000 }, (_, n) => String.fromCharCode(97 + (n % 26)))
    for (const [n, letter] of letters.entries()) {
      client.send(`1\r\n${letter}\r\n`)
      if (n % 10 === 0) await new Promise(setImmediate)
    }
    client.send('0\r\n\r\n')
    expect(parseAnswers(await client.ended)[0]?.status).toBe(200)
    expect(Buffer.from(ingest.kept[0]!.body).toString()).toBe(letters.join(''))
  })

  test('is not one of exactly the limit, which is kept', async () => {
    const ingest = await startIngest({ config: { maxBodyBytes: 1_024 } })
    const response = await request(ingest.url, { method: 'POST', body: Buffer.alloc(1_024) })
    expect(response.statusCode).toBe(200)
    await response.body.dump()
  })

  test.each([
    ['with a Content-Length', lengthHead(200 * 1_000), 'x'.repeat(1_000), ''],
    ['in chunks', chunkedHead, chunk(1_000), chunk(0)],
  ])('is answered when it ends, so that its sender can read the answer: %s', async (_, head, part, last) => {
    const ingest = await startIngest({ config: { maxBodyBytes: 1_024 } })
    const client = await openRawClient(ingest.port)
    const errors: Error[] = []
    client.socket.on('error', (error) => errors.push(error))
    client.send(head)
    for (let n = 0; n < 200; n++) {
      client.send(part)
      await new Promise(setImmediate)
    }
    expect(client.received).toBe('')
    client.send(last)
    const [answer] = parseAnswers(await client.ended)
    expect(answer?.status).toBe(413)
    expect(answer?.headers.get('connection')).toBe('close')
    expect(errors).toEqual([])
  })

  test('that never ends is cut off, and takes no memory', async () => {
    const ingest = await startIngest()
    const client = await openRawClient(ingest.port)
    const startedAt = performance.now()
    client.send(chunkedHead)
    await sendWithoutEnd(client)
    await client.ended
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(client.socket.bytesWritten).toBeLessThan(32 * 1024 * 1024)
    expect(await ingest.refused()).toEqual({ payload_too_large: 1 })
    await expectServing(ingest)
  })

  test('that never ends is cut off after another refusal as well', async () => {
    const ingest = await startIngest({ config: { webhookSecrets: ['word'] } })
    const client = await openRawClient(ingest.port)
    const startedAt = performance.now()
    client.send(chunkedHead)
    await sendWithoutEnd(client)
    expect(parseAnswers(await client.ended)[0]?.status).toBe(401)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })
})

describe('a request that does not arrive in time', () => {
  const config = { requestTimeoutMs: 300 }

  test.each([
    ['headers without end', 'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nX-Slow: '],
    ['a body without end', 'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf'],
    ['chunks without end', `${chunkedHead}${chunk(10)}`],
  ])('is answered 408: %s', async (_, text) => {
    const ingest = await startIngest({ config })
    const startedAt = performance.now()
    const answer = await exchange(ingest.port, text)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(250)
    expect(performance.now() - startedAt).toBeLessThan(1_500)
    expect(answer.status).toBe(408)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('connection')).toBe('close')
    expect(JSON.parse(answer.body)).toEqual(timedOut)
    expect(ingest.kept).toEqual([])
    expect(await ingest.refused()).toEqual({ request_timeout: 1 })
    expect(await ingest.openConnections()).toBe(0)
  })

  test('and never began is closed without an answer, and is not counted', async () => {
    const ingest = await startIngest({ config })
    const client = await openRawClient(ingest.port)
    expect(await client.ended).toBe('')
    expect(await ingest.refused()).toEqual({})
  })

  test('is answered 408 though it sends a byte now and then', async () => {
    const ingest = await startIngest({ config })
    const client = await openRawClient(ingest.port)
    client.send('POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n')
    const drip = setInterval(() => client.send('x'), 50)
    const received = await client.ended
    clearInterval(drip)
    expect(parseAnswers(received)[0]?.status).toBe(408)
    expect(ingest.kept).toEqual([])
  })

  test('is not a request that waits for its answer', async () => {
    const ingest = await startIngest({
      config,
      // The time that is not to count has to pass.
      createKeep: () => () => new Promise((resolve) => setTimeout(resolve, 1_000)),
    })
    await expectServing(ingest)
  })
})

describe('a sender that goes away in the middle of its body', () => {
  test.each([
    // To Node, a half request with an end is an invalid one. It is answered, since the sender may still read.
    ['destroy', { bad_request: 5 }],
    ['resetAndDestroy', {}],
  ] as const)('leaves nothing behind: %s', async (leave, refused) => {
    const ingest = await startIngest()
    for (let n = 0; n < 5; n++) {
      const client = await openRawClient(ingest.port)
      client.send(expectingHead(1_000))
      await until('its turn', () => client.received !== '', { timeoutMs: 2_000 })
      client.send('half')
      client.socket[leave]()
      await until('its end', async () => (await ingest.openConnections()) === 0, { timeoutMs: 2_000 })
    }
    expect(ingest.kept).toEqual([])
    expect(await ingest.refused()).toEqual(refused)
    expect(ingest.logLines.join('')).not.toContain('"level":"error"')
    await expectServing(ingest)
  })

  test('gets its answer if it has sent all of the request and closed its side only', async () => {
    const keeping = Promise.withResolvers<void>()
    const ingest = await startIngest({ createKeep: () => () => keeping.promise })
    const client = await openRawClient(ingest.port)
    client.socket.end('POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody')
    await once(client.socket, 'finish')
    // After this exchange, ingest has seen that the sender closed its side.
    await exchange(ingest.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    keeping.resolve()
    expect(parseAnswers(await client.ended)[0]?.status).toBe(200)
  })
})

describe('bodies that are still arriving', () => {
  const half = 'x'.repeat(60_000)

  test('count against MAX_WAITING_BYTES, beyond which the answer is 503', async () => {
    const ingest = await startIngest({ config: { maxWaitingBytes: 5.5 * half.length } })
    const clients = await Promise.all(Array.from({ length: 6 }, () => openRawClient(ingest.port)))
    for (const client of clients) client.send(lengthHead(65_000) + half)
    const answer = parseAnswers(await Promise.race(clients.map((client) => client.ended)))[0]
    expect(answer?.status).toBe(503)
    expect(answer?.headers.get('retry-after')).toBe('2')
    expect(answer?.headers.get('connection')).toBe('close')
    expect(JSON.parse(answer!.body).error.code).toBe('unavailable')
    expect(await ingest.refused()).toEqual({ unavailable: 1 })

    const [waiting] = clients.filter((client) => client.received === '')
    waiting!.send('x'.repeat(5_000))
    await until('its answer', () => waiting!.received.startsWith('HTTP/1.1 200'), { timeoutMs: 2_000 })
  })

  test('count no longer when their sender goes away', async () => {
    const ingest = await startIngest({ config: { maxWaitingBytes: 5 * half.length } })
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(Array.from({ length: 5 }, () => openRawClient(ingest.port)))
      for (const client of clients) client.send(lengthHead(65_000) + half)
      // The end makes sure that the bytes before it have arrived.
      for (const client of clients) client.socket.end()
      await Promise.all(clients.map((client) => client.ended))
      await until('their end', async () => (await ingest.openConnections()) === 0, { timeoutMs: 2_000 })
    }
    expect(await ingest.refused()).toEqual({ bad_request: 15 })
  })
})

describe('connections at the limit', () => {
  const whole = 'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'

  test('make room for a new one: the longest idle one is closed', async () => {
    const ingest = await startIngest({ config: { maxConnections: 2 } })
    const first = await openRawClient(ingest.port)
    await until('the first', async () => (await ingest.openConnections()) === 1, { timeoutMs: 2_000 })
    const second = await openRawClient(ingest.port)
    await until('the second', async () => (await ingest.openConnections()) === 2, { timeoutMs: 2_000 })
    first.send(whole)
    await until('the answer', () => first.received !== '', { timeoutMs: 2_000 })
    await expectServing(ingest)
    expect(await second.ended).toBe('')
    first.send(whole)
    await until('the second answer', () => ingest.kept.length === 3, { timeoutMs: 2_000 })
  })

  test('stay open while they have a request in hand, and new ones are closed', async () => {
    const ingest = await startIngest({ config: { maxConnections: 2 } })
    const clients = [await openRawClient(ingest.port), await openRawClient(ingest.port)]
    for (const client of clients) client.send(expectingHead(4))
    for (const client of clients) await until('its turn', () => client.received !== '', { timeoutMs: 2_000 })
    const third = await openRawClient(ingest.port)
    expect(await third.ended).toBe('')
    for (const client of clients) {
      client.send('body')
      await until('its answer', () => client.received.includes('HTTP/1.1 200'), { timeoutMs: 2_000 })
    }
  })
})

test('clients that pipeline without end and read nothing are cut off', async () => {
  const ingest = await startIngest()
  const flood = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5_000)
  const clients = await Promise.all(Array.from({ length: 50 }, () => openRawClient(ingest.port)))
  for (const client of clients) {
    client.socket.pause()
    client.send(flood)
  }
  await until('their end', async () => (await ingest.openConnections()) === 0, { timeoutMs: 5_000 })
  expect(await ingest.refused()).toEqual({ not_found: 50 })
  await expectServing(ingest)
})
