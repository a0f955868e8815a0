import { randomUUID } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { startConsole, visit } from '../../support/console.ts'
import { connect } from '../../support/databases.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { callLeg, delivery, rejectedDelivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'
import { openProducer } from '../../support/producer.ts'
import { as, createRoles } from '../../support/roles.ts'

const caller = '+12025550123'
const callee = '+6560000002'

/** Every text that a sender may choose has this, which is markup, and characters that reorder letters. */
const hostile = '"><script>alert(1)</script>\u202e\u0007'
const hostileInPage = '&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\u0007'

test('support finds a caller by number, whole or by its end, and the address never has it', async () => {
  const { url, writer } = await openStorage()
  const [wanted, other] = [
    session({ caller, legs: [callLeg('A', { source: caller })] }),
    session({ caller: '+6591234567', legs: [callLeg('A', { source: '+6591234567' })] }),
  ]
  await writer.write([delivery(wanted), delivery(other)])
  const visitor = visit(await startConsole({ databaseUrl: url }))
  for (const find of ['+1 (202) 555-0123', '0123', caller]) {
    await visitor.get('/sessions')
    const response = await visitor.post('/sessions', { find, status: 'COMPLETED' })
    expect(visitor.page).toContain(`/sessions/${wanted.sessionId}`)
    expect(visitor.page).not.toContain(other.sessionId)
    expect(response.headers.get('hx-push-url')).toBe('/sessions?status=COMPLETED')
  }
})

test('an id leads to its session: that of the session itself, of a call, of a request', async () => {
  const { url, writer } = await openStorage()
  const callId = randomUUID()
  const wanted = session({ clientRequestId: 'order-7', legs: [callLeg('A', { callId })] })
  await writer.write([delivery(wanted), delivery(session())])
  const visitor = visit(await startConsole({ databaseUrl: url }))
  await visitor.get('/sessions')
  const byId = await visitor.post('/sessions', { find: ` ${wanted.sessionId.toUpperCase()} ` })
  expect([byId.status, byId.headers.get('location')]).toEqual([303, `/sessions/${wanted.sessionId}`])
  for (const find of [callId, 'order-7']) {
    await visitor.get('/sessions')
    await visitor.post('/sessions', { find })
    expect(visitor.page.match(/href="\/sessions\/[\da-f-]{36}"/g)).toEqual([
      `href="/sessions/${wanted.sessionId}"`,
    ])
  }
})

test('pages of a search stay as they are while sessions come', async () => {
  const { url, writer } = await openStorage()
  const startedAtMs = Date.now() - 3_600_000
  const sessions = Array.from({ length: 120 }, (_, index) => session({ startedAtMs: startedAtMs + index }))
  await writer.write(sessions.map((one) => delivery(one)))
  const visitor = visit(await startConsole({ databaseUrl: url }))
  const seen: string[] = []
  await visitor.get('/sessions')
  for (let page = 0; page < 3; page++) {
    seen.push(...(visitor.page.match(/(?<=href="\/sessions\/)[\da-f-]{36}/g) ?? []))
    const [, before] = /name="before" value="([^"]+)"/.exec(visitor.page) ?? []
    await writer.write([delivery(session({ startedAtMs: Date.now() }))])
    if (before !== undefined) await visitor.post('/sessions', { before })
  }
  expect(seen).toEqual(sessions.map(({ sessionId }) => sessionId).toReversed())
  await visitor.get('/sessions')
  expect((await visitor.post('/sessions', { before: 'nowhere' })).status).toBe(400)
})

test('a result is a CSV file, with masked numbers', async () => {
  const { url, writer } = await openStorage()
  const one = session({
    caller,
    callee,
    startedAtMs: Date.now() - 60_000,
    clientRequestId: '=1+1',
    anomalies: ['no_legs'],
  })
  await writer.write([delivery(one)])
  const visitor = visit(await startConsole({ databaseUrl: url }))
  await visitor.get('/sessions')
  const { headers } = await visitor.post('/sessions/export', { span: 'hour' })
  expect(headers.get('content-type')).toMatch(/^text\/csv/)
  expect(headers.get('content-disposition')).toBe('attachment; filename="sessions.csv"')
  const [names, row, ...rest] = visitor.page.split('\r\n')
  expect(names).toMatch(/^session_id,started_at,/)
  expect(row).toContain(one.sessionId)
  expect(row).toContain('+12•••••••23')
  expect(row).toContain("'=1+1")
  expect(row).not.toContain(caller)
  expect(rest).toEqual([''])
})

test.each([
  ['masked', 'for good'],
  ['on-click', 'until somebody asks, which is logged without the number'],
  ['shown', 'not'],
] as const)('with CONSOLE_NUMBERS=%s numbers are masked %s', async (mode, _until) => {
  const { url, writer } = await openStorage()
  const one = session({ caller, callee, legs: [callLeg('A', { source: caller, destination: callee })] })
  await writer.write([delivery(one)])
  const running = await startConsole({ databaseUrl: url, config: { consoleNumbers: mode } })
  const visitor = visit(running)
  const path = `/sessions/${one.sessionId}`
  await visitor.get(path)
  const isShown = () => [caller, callee].map((number) => visitor.page.includes(number))
  expect(isShown()).toEqual(mode === 'shown' ? [true, true] : [false, false])

  // A form of another page is good enough for somebody who knows the address.
  await visitor.get('/sessions')
  await visitor.post(`${path}/numbers`, {})
  expect(isShown()).toEqual(mode === 'masked' ? [false, false] : [true, true])
  expect((await visitor.get(`${path}/numbers`)).headers.get('location')).toBe(path)
  const log = running.logLines.filter((line) => line.includes('the numbers of a session were shown'))
  expect(log.map((line) => JSON.parse(line))).toEqual(
    mode === 'masked' ? [] : [expect.objectContaining({ sessionId: one.sessionId, address: '127.0.0.1' })],
  )
  expect(running.logLines.join('\n')).not.toContain(caller.slice(1))
})

test("a session's page has its legs on one axis, its anomalies in words, and every delivery with its body", async () => {
  const { url, writer } = await openStorage()
  const first = session({
    anomalies: ['duration_mismatch'],
    anomalyDetails: [{ code: 'duration_mismatch', path: 'payload.details.callA.callDuration' }],
  })
  const second = { ...first, status: 'BUSY' }
  const nowMs = Date.now()
  await writer.write([delivery(first, { receivedAtMs: nowMs - 2_000 })])
  await writer.write([delivery(second, { receivedAtMs: nowMs - 1_000 })])
  const visitor = visit(await startConsole({ databaseUrl: url }))
  await visitor.get(`/sessions/${first.sessionId}`)
  const { page } = visitor
  expect(page).toContain('The duration is not the time between connect and disconnect.')
  expect(page).toContain('payload.details.callA.callDuration')
  expect(page).toContain('2 deliveries, the latest first')
  // From initiated at 06:01:28 over connected at :37 to the end at :50.25, the axis' end.
  expect(page.match(/<rect class="(ring|talk)" x="[\d.]+%" y="\d+" width="[\d.]+%"/g)).toEqual([
    '<rect class="ring" x="0.00%" y="20" width="40.45%"',
    '<rect class="talk" x="40.45%" y="20" width="59.55%"',
    '<rect class="ring" x="0.00%" y="64" width="40.45%"',
    '<rect class="talk" x="40.45%" y="64" width="59.55%"',
  ])
  expect(page.match(/&quot;status&quot;: &quot;(COMPLETED|BUSY)&quot;/g)).toHaveLength(6)
})

test('rejected deliveries are grouped by reason and place, and the place is marked in the body', async () => {
  const { url, writer } = await openStorage()
  const nowMs = Date.now()
  const reject = (body: string, path: string, code: 'missing_field' | 'malformed_json', message: string) =>
    rejectedDelivery({
      receivedAtMs: nowMs - 60_000,
      body: Buffer.from(body),
      verdict: { kind: 'rejected', sessionId: null, reasons: [{ code, path, message }] },
    })
  await writer.write([
    reject('{"payload":{"a":1}}', 'payload.sessionId', 'missing_field', 'expected a UUID'),
    reject('{"payload":{"a":2}}', 'payload.sessionId', 'missing_field', 'expected a UUID'),
    reject('{"payload":{"a":tru}}', '', 'malformed_json', 'expected JSON'),
  ])
  await writer.write([delivery(session())])
  const visitor = visit(await startConsole({ databaseUrl: url }))
  await visitor.get('/rejected')
  expect(visitor.page).toContain('3 deliveries in the last 7 days')
  const links = visitor.page
    .match(/(?<=href=")\/rejected\/[^"]+/g)!
    .map((link) => link.replaceAll('&amp;', '&'))
  expect(links).toEqual([
    '/rejected/missing_field?path=payload.sessionId&span=week',
    '/rejected/malformed_json?path=&span=week',
  ])

  await visitor.get(links[0]!)
  const marks = () => visitor.page.match(/<mark>.*?<\/mark> <span class="note">.*?<\/span>/g)
  const missing =
    '<mark>  &quot;payload&quot;: {</mark> <span class="note">← payload.sessionId: expected a UUID</span>'
  expect(marks()).toEqual([missing, missing])
  await visitor.get(links[1]!)
  expect(marks()).toEqual(['<mark>    &quot;a&quot;: tru</mark> <span class="note">← expected JSON</span>'])
  expect((await visitor.get('/rejected/no_such_code')).status).toBe(200)
})

test('figures of an hour stand beside those of a week before, and lead to their sessions', async () => {
  const { url, writer } = await openStorage()
  const nowMs = Date.parse('2026-03-11T12:30:00Z')
  const at = (time: string) =>
    session({
      startedAtMs: Date.parse(time),
      endedAtMs: Date.parse(time) + 20_000,
      subAccountId: 'acme & co',
    })
  const sessions = [
    '2026-03-11T12:10:00Z',
    '2026-03-11T12:20:00Z',
    '2026-03-11T09:00:00Z',
    '2026-03-04T12:10:00Z',
  ].map(at)
  await writer.write(sessions.map((one) => delivery(one)))
  const visitor = visit(await startConsole({ databaseUrl: url, nowMs: () => nowMs }))
  await visitor.get('/traffic')
  expect(visitor.page).toMatch(/Attempts<\/span><strong>3<\/strong><span class="hint">1 last week/)
  for (const by of ['time', 'country_pair', 'sub_account']) {
    await visitor.get(`/traffic?by=${by}`)
    const [cell] = visitor.page.match(/(?<=<td class="figure"><a href=")[^"]+/g) ?? []
    await visitor.get(cell!.replaceAll('&amp;', '&'))
    const found = new Set(visitor.page.match(/(?<=href="\/sessions\/)[\da-f-]{36}/g))
    const expected = by === 'time' ? sessions.slice(0, 2) : sessions.slice(0, 3)
    expect(found, by).toEqual(new Set(expected.map(({ sessionId }) => sessionId)))
  }
})

test('the queue shows its batches, and what is in them, also while no worker runs', async () => {
  const { url } = await openStorage()
  const prefix = freshPrefix()
  const producer = await openProducer({ redisUrl: inject('redisUrl'), queuePrefix: prefix })
  await producer.enqueue([makeDelivery(`{"source": "${caller}"}`, 90), makeDelivery('{"b": 2}', 30)])
  const visitor = visit(await startConsole({ databaseUrl: url, prefix }))
  await visitor.get('/queue')
  expect(visitor.page).toMatch(/2 deliveries wait to be written, the oldest for 1 min 3\d s\./)
  const [link] = visitor.page.match(/(?<=href=")\/queue\/0\/[\da-f-]{36}/g) ?? []
  await visitor.get(link!)
  expect(visitor.page).toContain('&quot;source&quot;: &quot;+12•••••••23&quot;')
  expect(visitor.page).toContain('&quot;b&quot;: 2')
  expect((await visitor.get(`/queue/0/${randomUUID()}`)).status).toBe(404)
  expect((await visitor.get('/queue/99/x')).status).toBe(404)
})

test('markup and control characters in every field of a sender are text', async () => {
  const { url, writer } = await openStorage()
  const one = session({
    status: hostile.slice(0, 60),
    subAccountId: hostile,
    lastAction: hostile,
    clientRequestId: hostile,
    errorMessage: hostile,
    caller: hostile,
    callee: hostile,
    virtualNumber: hostile,
    startedAtMs: Date.now() - 60_000,
    legs: [
      callLeg('A', {
        direction: hostile,
        callType: hostile,
        status: hostile,
        source: hostile,
        destination: hostile,
        sourceCountry: hostile,
        destinationCountry: hostile,
      }),
    ],
  })
  const body = Buffer.from(JSON.stringify({ [hostile]: hostile }))
  await writer.write([
    delivery(one, { body }),
    rejectedDelivery({
      body,
      receivedAtMs: Date.now() - 1_000,
      verdict: {
        kind: 'rejected',
        sessionId: null,
        reasons: [{ code: 'invalid_field', path: hostile, message: hostile }],
      },
    }),
  ])
  const db = await connect(url)
  await db.query('SELECT vss.commit($1, vss.feed_end())', [hostile])
  await db.query(
    `INSERT INTO vss.drift VALUES ('unknown_field', $1, '', now(), now(), 1, gen_random_uuid())`,
    [hostile],
  )
  const visitor = visit(await startConsole({ databaseUrl: url, config: { consoleNumbers: 'shown' } }))
  const paths = [
    '/sessions',
    `/sessions/${one.sessionId}`,
    '/rejected',
    '/traffic?by=sub_account',
    '/drift',
    '/consumers',
  ]
  await visitor.get('/rejected')
  const group = /href="(\/rejected\/invalid_field[^"]+)"/.exec(visitor.page)![1]!.replaceAll('&amp;', '&')
  for (const path of [
    ...paths,
    group,
    `/sessions?${new URLSearchParams({ account: hostile, status: hostile, anomaly: hostile, route: hostile })}`,
  ]) {
    expect((await visitor.get(path)).status, path).toBe(200)
    expect(visitor.page, path).not.toContain('<script>')
    // A field of the search has the filter as it is, because it is sent again.
    expect(visitor.page.replaceAll(/ value="[^"]*"/g, ''), path).not.toContain('\u0007')
  }
  await visitor.get(`/sessions/${one.sessionId}`)
  expect(visitor.page.split(hostileInPage).length).toBeGreaterThan(8)
})

test('as vss_support the console reads everything it shows', async () => {
  const { url, writer } = await openStorage()
  await createRoles(url)
  const one = session({ startedAtMs: Date.now() - 60_000 })
  const refused = rejectedDelivery({ receivedAtMs: Date.now() - 60_000 })
  await writer.write([delivery(one), refused])
  const visitor = visit(await startConsole({ databaseUrl: as('vss_support', url) }))
  const paths = [
    '/',
    '/sessions',
    '/sessions?route=US-SG',
    `/sessions/${one.sessionId}`,
    '/rejected',
    '/rejected/malformed_json?path=',
    `/deliveries/${refused.deliveryId}`,
    '/traffic',
    '/traffic?by=country_pair',
    '/traffic?by=sub_account',
    '/drift',
    '/consumers',
    '/queue',
  ]
  for (const path of paths) expect([path, (await visitor.get(path)).status]).toEqual([path, 200])
  await visitor.get('/')
  expect(visitor.page).not.toContain('Postgres says')
})

test('to look at the queue changes nothing in it', async () => {
  const prefix = freshPrefix()
  const producer = await openProducer({ redisUrl: inject('redisUrl'), queuePrefix: prefix })
  await producer.enqueue([makeDelivery()])
  const keys = async () => (await producer.client.keys(`${prefix}*`)).sort()
  const before = await keys()
  const { url } = await openStorage()
  const visitor = visit(await startConsole({ databaseUrl: url, prefix }))
  for (const path of ['/queue', '/']) await visitor.get(path)
  expect(await keys()).toEqual(before)
})
