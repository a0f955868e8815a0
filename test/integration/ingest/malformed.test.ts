import { until } from '@vss-pipeline/local-stack'
import { afterEach, expect, test } from 'vitest'
import { exchange, openRawClient, parseAnswers } from './raw-client.ts'
import { expectServing, type RunningIngest, startIngest } from './running-ingest.ts'

const post = 'POST /webhooks/vss HTTP/1.1\r\nHost: a\r\n'
const end = 'Connection: close\r\nContent-Length: 2\r\n\r\nhi'

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown) => unhandled.push(reason)
process.on('unhandledRejection', onUnhandled)
process.on('uncaughtException', onUnhandled)
afterEach(() => expect(unhandled).toEqual([]))

test.each([
  ['a TLS handshake', 400, '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
  ['the preface of HTTP/2', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/2.0', 505, `POST /webhooks/vss HTTP/2.0\r\nHost: a\r\n${end}`],
  ['HTTP/0.9', 505, `POST /webhooks/vss HTTP/0.9\r\nHost: a\r\n${end}`],
  ['HTTP/1.7', 505, `POST /webhooks/vss HTTP/1.7\r\nHost: a\r\n${end}`],
  ['no Host', 400, `POST /webhooks/vss HTTP/1.1\r\n${end}`],
  ['a Host with a space', 400, `POST /webhooks/vss HTTP/1.1\r\nHost: a b\r\n${end}`],
  ['a Host with a path', 400, `POST /webhooks/vss HTTP/1.1\r\nHost: a/b@c\r\n${end}`],
  ['two Hosts', 400, `${post}Host: a\r\n${end}`],
  ['two Hosts of HTTP/1.0', 400, `POST /webhooks/vss HTTP/1.0\r\nHost: a\r\nhost: b\r\n${end}`],
  ['compressed chunks', 501, `${post}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`],
  ['a Host with a port over 65535', 400, `POST /webhooks/vss HTTP/1.1\r\nHost: a:99999\r\n${end}`],
  ['a target of another scheme', 400, `POST ftp://a/webhooks/vss HTTP/1.1\r\nHost: a\r\n${end}`],
  ['an asterisk for a target', 400, `OPTIONS * HTTP/1.1\r\nHost: a\r\n${end}`],
  ['a backslash in the target', 400, `POST /webhooks\\vss HTTP/1.1\r\nHost: a\r\n${end}`],
  ['bytes beyond ASCII in the target', 400, `POST /webhooks/vss\xff HTTP/1.1\r\nHost: a\r\n${end}`],
  ['a broken escape in the target', 404, `POST /webhooks/%zz HTTP/1.1\r\nHost: a\r\n${end}`],
  ['an unknown method', 400, `BREW /webhooks/vss HTTP/1.1\r\nHost: a\r\n${end}`],
  ['two lengths', 400, `${post}Content-Length: 3\r\n${end}`],
  ['a length that is no number', 400, `${post}Connection: close\r\nContent-Length: ten\r\n\r\n`],
  ['a negative length', 400, `${post}Connection: close\r\nContent-Length: -1\r\n\r\n`],
  ['a length beside chunks', 400, `${post}Transfer-Encoding: chunked\r\n${end}`],
  ['a chunk without a size', 400, `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\nhi`],
  ['a header without a name', 400, `${post}: nameless\r\n${end}`],
  ['a line feed alone', 400, `${post}X: a\n\tb: c\r\n${end}`],
  ['headers over 8 KiB', 431, `${post}X-Long: ${'a'.repeat(9_000)}\r\n${end}`],
  ['a target over 8 KiB', 431, `POST /${'a'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\n${end}`],
])('%s is answered %d in our form', async (_, status, text) => {
  const ingest = await startIngest({ config: { requestTimeoutMs: 1_000 } })
  const client = await openRawClient(ingest.port)
  client.send(text)
  const [answer] = parseAnswers(await client.ended)
  expect(answer?.status).toBe(status)
  expect(answer?.headers.get('content-type')).toBe('application/json')
  const codes: Record<number, string> = {
    400: 'bad_request',
    404: 'not_found',
    431: 'headers_too_large',
    501: 'unsupported_transfer_coding',
    505: 'unsupported_http_version',
  }
  expect(JSON.parse(answer!.body)).toEqual({
    error: { code: codes[status], message: expect.stringMatching(/.{10,}/) },
  })
  expect(ingest.kept).toEqual([])
  expect(await ingest.refused()).toEqual({ [codes[status]!]: 1 })
  expect(ingest.logLines.join('')).not.toContain('"level":"error"')
  await expectServing(ingest)
})

test('a request of line ends alone does not harm the server', async () => {
  const ingest = await startIngest({ config: { requestTimeoutMs: 300 } })
  const client = await openRawClient(ingest.port)
  client.send('\r\n\r\n\r\n')
  await client.ended
  expect(ingest.kept).toEqual([])
  await expectServing(ingest)
})

test('CONNECT is answered 405, as other methods', async () => {
  const ingest = await startIngest()
  const answer = await exchange(ingest.port, 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n')
  expect(answer.status).toBe(405)
  expect(answer.headers.get('allow')).toBe('POST')
  expect(answer.headers.get('content-type')).toBe('application/json')
  expect(JSON.parse(answer.body).error.code).toBe('method_not_allowed')
  expect(await ingest.refused()).toEqual({ method_not_allowed: 1 })
  await expectServing(ingest)
})

test.each([
  ['garbage', 400, 'garbage\r\n\r\n', 'bad_request'],
  ['CONNECT', 405, 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 'method_not_allowed'],
  ['a request broken in its body', 400, `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 'bad_request'],
  ['a request over HTTP/2.0', 505, `POST / HTTP/2.0\r\nHost: a\r\n${end}`, 'unsupported_http_version'],
])('a good request and then %s, in one write, are answered in their order', async (_, status, text, code) => {
  const ingest: RunningIngest = await startIngest({
    createKeep: () => async () => {
      const isRefused = async () => (await ingest.refused())[code] === 1
      await until('the refusal of the second', isRefused, { timeoutMs: 5_000 })
    },
  })
  const client = await openRawClient(ingest.port)
  client.send(`${post}Content-Length: 2\r\n\r\nhi${text}`)
  const answers = parseAnswers(await client.ended)
  expect(answers.map((answer) => answer.status)).toEqual([200, status])
  expect(JSON.parse(answers[1]!.body).error.code).toBe(code)
})

test.each([
  ['HTTP/1.0', `POST /webhooks/vss HTTP/1.0\r\nHost: a\r\n${end}`],
  ['an absolute target', `POST http://a/webhooks/vss HTTP/1.1\r\nHost: a\r\n${end}`],
  ['an unknown expectation', `${post}Expect: tea\r\n${end}`],
  ['a wish to upgrade', `${post}Upgrade: websocket\r\n${end}`],
  ['HTTP/1.0 without a Host', `POST /webhooks/vss HTTP/1.0\r\n${end}`],
  ['an empty Host', `POST /webhooks/vss HTTP/1.1\r\nHost:\r\n${end}`],
  ['a slash behind the path', `POST /webhooks/vss/ HTTP/1.1\r\nHost: a\r\n${end}`],
  ['chunks in capitals', `${post}Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n`],
  ['a Host that is IPv6', `POST /webhooks/vss HTTP/1.1\r\nHost: [::1]:8080\r\n${end}`],
])('%s is served', async (_, text) => {
  const ingest = await startIngest()
  const client = await openRawClient(ingest.port)
  client.send(text)
  expect(parseAnswers(await client.ended)[0]?.status).toBe(200)
  expect(ingest.kept).toHaveLength(1)
})

test('Expect: 100-continue gets a 100 and then its answer', async () => {
  const ingest = await startIngest()
  const client = await openRawClient(ingest.port)
  client.send(`${post}Connection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`)
  const goAhead = 'HTTP/1.1 100 Continue\r\n\r\n'
  while (!client.received.includes(goAhead))
    await new Promise((resolve) => client.socket.once('data', resolve))
  client.send('hi')
  expect(parseAnswers((await client.ended).slice(goAhead.length))[0]?.status).toBe(200)
})
