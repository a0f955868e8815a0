import { type Dispatcher, request } from 'undici'
import { describe, expect, test } from 'vitest'
import { NotKeptError } from '../../../services/ingest/src/keep.ts'
import { refusalCodes } from '../../../services/ingest/src/refusal.ts'
import { exchange, openRawClient, parseAnswers } from './raw-client.ts'
import { startIngest } from './running-ingest.ts'

async function ask(
  url: string,
  options: { method?: Dispatcher.HttpMethod; headers?: Record<string, string>; body?: string } = {},
) {
  const { method = 'POST', headers = {}, body = null } = options
  const response = await request(url, { method, headers, body })
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
}

function refusal(code: string) {
  return { error: { code, message: expect.stringMatching(/^[a-z].{10,}$/) } }
}

describe('the first guard that a request fails decides', () => {
  const secret = 'Bearer right'
  const tooLong = String(65_537)
  // The test is a trusted proxy, so X-Forwarded-For decides the address.
  const config = {
    webhookSecrets: [secret],
    allowedIps: ['203.0.113.0/24'],
    trustedProxies: ['127.0.0.1'],
  }
  const cases: [
    string,
    number,
    string,
    { path?: string; method?: string; from?: string; secret?: string; length?: string },
  ][] = [
    [
      'the path',
      404,
      'not_found',
      { path: '/', method: 'GET', from: '8.8.8.8', secret: 'wrong', length: tooLong },
    ],
    [
      'the method',
      405,
      'method_not_allowed',
      { method: 'PUT', from: '8.8.8.8', secret: 'wrong', length: tooLong },
    ],
    ['the address', 403, 'forbidden', { from: '8.8.8.8', secret: 'wrong', length: tooLong }],
    ['the secret', 401, 'unauthorized', { secret: 'wrong', length: tooLong }],
    ['the length', 413, 'payload_too_large', { length: tooLong }],
    ['the time', 408, 'request_timeout', { length: '9' }],
    ['the queue', 503, 'unavailable', { length: '0' }],
  ]

  test.each(cases)('%s', async (_, status, code, wrong) => {
    const ingest = await startIngest({
      config: { ...config, requestTimeoutMs: status === 408 ? 300 : 10_000 },
      createKeep: () => () => Promise.reject(new NotKeptError('the queue is away')),
    })
    const { path = '/webhooks/vss', method = 'POST', from = '203.0.113.9' } = wrong
    // The body never comes: a guard that waits for it answers 408.
    const answer = await exchange(
      ingest.port,
      `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: ${from}\r\n` +
        `Authorization: ${wrong.secret ?? secret}\r\nContent-Length: ${wrong.length}\r\n\r\n`,
    )
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(JSON.parse(answer.body)).toEqual(refusal(code))
    expect(await ingest.refused()).toEqual({ [code]: 1 })
  })
})

describe('a refused request', () => {
  const config = { webhookSecrets: ['word'], allowedIps: ['203.0.113.9'], trustedProxies: ['127.0.0.1'] }
  const head = 'HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n'
  test.each([
    [401, `POST /webhooks/vss ${head}Content-Length: 2\r\n\r\nhi`],
    [403, 'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'],
    [404, `GET / ${head}\r\n`],
    [405, `GET /webhooks/vss ${head}\r\n`],
    [413, `POST /webhooks/vss ${head}Authorization: word\r\nContent-Length: 65537\r\n\r\n`],
  ])('that is answered %d ends its connection', async (status, text) => {
    const ingest = await startIngest({ config })
    const answer = await exchange(ingest.port, text)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('connection')).toBe('close')
  })

  test.each([
    ['at another path', `GET / ${head}\r\n`, 404],
    ['without the secret', `POST /webhooks/vss ${head}Content-Length: 2\r\n\r\nhi`, 401],
    ['that is no HTTP/1.1', 'GET / HTTP/1.1\r\n\r\n', 400],
  ])('%s is the last one that is read on its connection', async (_, refused, status) => {
    const ingest = await startIngest({ config })
    const client = await openRawClient(ingest.port)
    client.send(`${refused}POST /webhooks/vss ${head}Authorization: word\r\nContent-Length: 2\r\n\r\nhi`)
    expect(parseAnswers(await client.ended).map((answer) => answer.status)).toEqual([status])
    expect(ingest.kept).toEqual([])
  })

  test('is read to its end, so that its sender can read the answer', async () => {
    const ingest = await startIngest({ config })
    const client = await openRawClient(ingest.port)
    const errors: Error[] = []
    client.socket.on('error', (error) => errors.push(error))
    client.send(`POST /webhooks/vss ${head}Content-Length: 50000\r\n\r\n`)
    for (let n = 0; n < 50; n++) {
      client.send('x'.repeat(1_000))
      await new Promise(setImmediate)
    }
    expect(parseAnswers(await client.ended)[0]?.status).toBe(401)
    expect(errors).toEqual([])
  })

  test.each([
    ['at another path', '/', 'word', '2', 404],
    ['without the secret', '/webhooks/vss', 'wrong', '2', 401],
    ['of a body too long', '/webhooks/vss', 'word', '65537', 413],
  ])('%s is not told to send its body', async (_, path, secret, length, status) => {
    const ingest = await startIngest({ config })
    const answer = await exchange(
      ingest.port,
      `POST ${path} ${head}Expect: 100-continue\r\nAuthorization: ${secret}\r\nContent-Length: ${length}\r\n\r\n`,
    )
    // A `100 Continue` would be the first answer.
    expect(answer.status).toBe(status)
  })
})

describe('404', () => {
  test.each([
    '/',
    '/webhooks',
    '/webhooks/vss//',
    '/webhooks/vssx',
    '//webhooks/vss',
    '/WEBHOOKS/VSS',
    '/metrics',
    '/livez',
  ])('is the answer at %s', async (path) => {
    const ingest = await startIngest()
    const { status, text } = await ask(`http://127.0.0.1:${ingest.port}${path}`, { body: '{}' })
    expect(status).toBe(404)
    expect(JSON.parse(text)).toEqual(refusal('not_found'))
    expect(ingest.kept).toEqual([])
  })
})

describe('405', () => {
  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'] as const)(
    'is the answer to %s, with the allowed method',
    async (method) => {
      const ingest = await startIngest()
      const { status, headers, text } = await ask(ingest.url, { method })
      expect(status).toBe(405)
      expect(headers.allow).toBe('POST')
      if (method !== 'HEAD') expect(JSON.parse(text)).toEqual(refusal('method_not_allowed'))
      expect(ingest.kept).toEqual([])
    },
  )
})

describe('401', () => {
  const secrets = { webhookSecrets: ['Basic dXNlcjpwYXNz', 'Bearer with spaces in it'] }

  test.each(secrets.webhookSecrets)('is not the answer to %s', async (authorization) => {
    const ingest = await startIngest({ config: secrets })
    expect((await ask(ingest.url, { headers: { authorization } })).status).toBe(200)
  })

  test('is the same answer to every wrong credential', async () => {
    const ingest = await startIngest({ config: secrets })
    const wrong = [
      undefined,
      '',
      'Basic dXNlcjpwYXNzX',
      'Basic dXNlcjpwYX',
      'basic dXNlcjpwYXNz',
      'Bearer with spaces',
      'Basic dXNlcjpwYXNz, Bearer with spaces in it',
      'x'.repeat(4_000),
    ]
    const answers = new Set<string>()
    for (const authorization of wrong) {
      const { status, headers, text } = await ask(ingest.url, {
        headers: authorization === undefined ? {} : { authorization },
        body: '{}',
      })
      const { date, ...rest } = headers
      answers.add(JSON.stringify({ status, rest, text }))
    }
    expect([...answers]).toHaveLength(1)
    const [answer] = [...answers].map((answer) => JSON.parse(answer))
    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toEqual(refusal('unauthorized'))
    expect(ingest.kept).toEqual([])
    expect(await ingest.refused()).toEqual({ unauthorized: wrong.length })
  })

  test('depends on the configured header alone', async () => {
    const ingest = await startIngest({
      config: { webhookSecrets: ['word'], webhookAuthHeader: 'x-vss-secret' },
    })
    expect((await ask(ingest.url, { headers: { 'X-VSS-Secret': 'word' } })).status).toBe(200)
    expect((await ask(ingest.url, { headers: { authorization: 'word' } })).status).toBe(401)
  })

  test('is the answer to a custom header sent twice', async () => {
    const ingest = await startIngest({ config: { webhookSecrets: ['word'], webhookAuthHeader: 'x-secret' } })
    const twice = 'X-Secret: word\r\nX-Secret: word\r\n'
    const { status } = await exchange(
      ingest.port,
      `POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${twice}Content-Length: 0\r\n\r\n`,
    )
    expect(status).toBe(401)
  })

  test('comes before the body is read', async () => {
    const ingest = await startIngest({ config: secrets })
    const client = await openRawClient(ingest.port)
    client.send(
      'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n',
    )
    expect(parseAnswers(await client.ended)[0]?.status).toBe(401)
  })
})

describe('403', () => {
  const allowed = {
    allowedIps: ['203.0.113.0/24', '2001:db8::/32'],
    trustedProxies: ['127.0.0.1', '10.0.0.0/8'],
  }

  test.each([
    ['203.0.113.9', 200],
    ['2001:db8::9', 200],
    ['::ffff:203.0.113.9', 200],
    ['8.8.8.8, 203.0.113.9, 10.0.0.1', 200],
    ['8.8.8.8', 403],
    ['203.0.113.9, 8.8.8.8', 403],
    ['203.0.113.9, unknown', 403],
    ['2001:db9::9', 403],
    ['', 403],
  ])('behind a trusted proxy, %j is answered %d', async (forwardedFor, status) => {
    const ingest = await startIngest({ config: allowed })
    const answer = await ask(ingest.url, { headers: { 'x-forwarded-for': forwardedFor } })
    expect(answer.status).toBe(status)
    if (status === 403) expect(JSON.parse(answer.text)).toEqual(refusal('forbidden'))
    expect(ingest.kept).toHaveLength(status === 200 ? 1 : 0)
  })

  test('is the answer to a peer that is no proxy, whatever its header claims', async () => {
    const ingest = await startIngest({ config: { allowedIps: ['203.0.113.0/24'] } })
    expect((await ask(ingest.url, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(403)
  })

  test('is not the answer to a peer in the list', async () => {
    const ingest = await startIngest({ config: { allowedIps: ['127.0.0.0/8'] } })
    expect((await ask(ingest.url)).status).toBe(200)
  })

  test.each([
    ['cross-site', 403],
    ['same-origin', 200],
    ['none', 200],
  ])('without a secret, a browser that says %s is answered %d', async (site, status) => {
    const ingest = await startIngest()
    // Too long, to see that the site is checked before the length.
    const body = status === 403 ? 'x'.repeat(65_537) : '{}'
    const answer = await ask(ingest.url, { headers: { 'sec-fetch-site': site }, body })
    expect(answer.status).toBe(status)
    if (status === 403) expect(JSON.parse(answer.text)).toEqual(refusal('forbidden'))
    expect(ingest.kept).toHaveLength(status === 200 ? 1 : 0)
  })

  test('is not the answer to a browser with the secret', async () => {
    const ingest = await startIngest({ config: { webhookSecrets: ['word'] } })
    const headers = { 'sec-fetch-site': 'cross-site', authorization: 'word' }
    expect((await ask(ingest.url, { headers })).status).toBe(200)
  })

  test('depends on the last of several headers, which the nearest proxy added', async () => {
    const ingest = await startIngest({ config: allowed })
    const twice = 'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 8.8.8.8\r\n'
    const { status } = await exchange(
      ingest.port,
      `POST /webhooks/vss HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${twice}Content-Length: 0\r\n\r\n`,
    )
    expect(status).toBe(403)
  })
})

test('every code has a count of 0 at the start, so that an alert sees its first burst', async () => {
  const ingest = await startIngest()
  const metrics = await ingest.registry.metrics()
  for (const code of refusalCodes)
    expect(metrics).toContain(`vss_requests_refused_total{reason="${code}"} 0\n`)
})

test('a bug in keeping a delivery is logged and answered 500, not 503', async () => {
  const ingest = await startIngest({
    createKeep: () => () => Promise.reject(new TypeError('deliveries.map is not a function')),
  })
  const { status, headers, text } = await ask(ingest.url, { body: '{}' })
  expect({ status, retryAfter: headers['retry-after'] }).toEqual({ status: 500, retryAfter: '2' })
  expect(text).not.toContain('deliveries.map')
  expect(await ingest.refused()).toEqual({ internal_error: 1 })
  expect(ingest.logLines.join('')).toContain('deliveries.map is not a function')
})

describe('503', () => {
  test('comes with Retry-After, and does not show the cause', async () => {
    const ingest = await startIngest({
      createKeep: () => () => Promise.reject(new NotKeptError('redis://:hunter2@10.0.0.1')),
    })
    const { status, headers, text } = await ask(ingest.url, { body: '{}' })
    expect(status).toBe(503)
    expect(headers['retry-after']).toBe('2')
    expect(JSON.parse(text)).toEqual(refusal('unavailable'))
    expect(text).not.toContain('hunter2')
    expect(await ingest.registry.metrics()).toMatch(/^vss_deliveries_accepted_total 0$/m)
  })
})
