import { generateEvents } from '@vss-pipeline/generator'
import { startService, until } from '@vss-pipeline/local-stack'
import { reject } from '@vss-pipeline/pipeline'
import { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import { freshPrefix } from '../../support/batches.ts'
import { type RunningConsole, startConsole, type Visitor, visit } from '../../support/console.ts'
import { rowsOf } from '../../support/databases.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { delivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'
import { storeRejected } from '../../support/rejected-ledger.ts'
import { as, createRoles } from '../../support/roles.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const group = '/rejected/invalid_field?path=payload.startTime&span=day'

test('a group is counted first, then reprocessed, and the receipt stays', async () => {
  const { url, writer } = await openStorage()
  await createRoles(url)
  await storeRejected(writer, { count: 700 })
  await storeRejected(writer, { count: 3, path: 'payload.endTime', seed: 'others' })
  await writer.write([reject(makeDelivery('{"payload":', 30), [startTimeReason])])
  const prefix = freshPrefix()
  const addresses = { databaseUrl: as('vss_support', url), operatorDatabaseUrl: as('vss_operator', url) }
  const running = await startConsole({ ...addresses, prefix })
  const visitor = visit(running)

  await visitor.get(group)
  await count(visitor)
  expect(visitor.page).toContain('Of 701 rejected deliveries 700 would be stored, 1 would stay rejected')
  expect(await outcomesOf(url)).toEqual({ rejected: 704 })
  const receipt = await confirm(visitor)
  const result = 'Of 701 rejected deliveries 700 were stored, 1 stayed rejected for another reason.'
  expect(visitor.page).toContain(result)
  expect(await outcomesOf(url)).toEqual({ rejected: 4, stored: 700 })

  await visitor.get(group)
  expect(visitor.page).toContain('There is no such delivery')
  await running.stop()
  const again = visit(await startConsole({ ...addresses, prefix }))
  await again.get(receipt)
  expect(again.page).toContain(result)
  await again.get('/reprocess')
  expect(again.page).toContain(result)
  expect(again.page).toContain(`href="${receipt}"`)
})

test('all that was rejected in a time, one delivery, and the deliveries of a session can be reprocessed', async () => {
  const { url, writer } = await openStorage()
  const [one, two] = [...generateEvents({ seed: 'each', count: 2 })].map(({ body }) => makeDelivery(body, 60))
  await writer.write([reject(one!, [startTimeReason]), reject(two!, [startTimeReason])])
  const visitor = visit(await startConsole({ databaseUrl: url, operatorDatabaseUrl: url }))

  await visitor.get(`/deliveries/${one!.deliveryId}`)
  await count(visitor)
  expect(visitor.page).toContain('It would be stored.')
  await confirm(visitor)
  expect(visitor.page).toContain('It was stored.')

  const [row] = await rowsOf<{ id: string }>(url, 'SELECT session_id AS id FROM vss.sessions')
  await visitor.get(`/sessions/${row!.id}`)
  await count(visitor)
  expect(visitor.page).toContain('It would stay as it is.')
  expect(visitor.page).toContain('Nothing would change.')

  await visitor.get('/rejected')
  await count(visitor)
  await confirm(visitor)
  expect(await outcomesOf(url)).toEqual({ stored: 2 })
})

test('without a role that may change rows there are no buttons, and nothing behind them', async () => {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 1 })
  const one = session({ startedAtMs: Date.now() - 60_000 })
  await writer.write([delivery(one)])
  const visitor = visit(await startConsole({ databaseUrl: url }))
  for (const path of ['/rejected', group, `/sessions/${one.sessionId}`]) {
    await visitor.get(path)
    expect(visitor.page, path).not.toMatch(/reprocess/i)
  }
  expect((await visitor.get('/reprocess')).status).toBe(404)
  await visitor.get('/sessions')
  expect((await visitor.post('/reprocess', { span: 'day' })).status).toBe(404)
})

test('in two tabs the same deliveries are counted and reprocessed once', async () => {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 600 })
  const proxy = await openTcpProxy(url)
  const running = await startConsole({ databaseUrl: url, operatorDatabaseUrl: proxy.url })
  const [first, second] = [visit(running), visit(running)]
  proxy.delay(100)
  await first.get(group)
  await second.get('/rejected?span=week')
  const fields = fieldsOf(first)
  const begin = await first.post('/reprocess', fields)
  // Another stretch of time, and the same group.
  const other = await second.post('/reprocess', { ...fields, ...tokenOf(second), span: 'week' })
  expect(other.headers.get('location')).toBe(begin.headers.get('location'))

  const path = begin.headers.get('location')!
  proxy.delay(0)
  await waitForEnd(first, path)
  await second.get(path)
  const answers = await Promise.all([first.post(`${path}/confirm`, {}), second.post(`${path}/confirm`, {})])
  expect(answers.map(({ headers }) => headers.get('location'))).toEqual([path, path])
  await waitForEnd(second, path)
  expect(second.page).toContain('Of 600 rejected deliveries 600 were stored.')
  await second.post(`${path}/confirm`, {})
  await second.get(path)
  expect(second.page).toContain('600 were stored')
  expect(logged(running, 'reprocessing')).toHaveLength(1)
})

/** Confirms the reprocessing of 1,500 rejected deliveries on a slow way to Postgres. It is under way, and far from its end. */
async function confirmSlowRun() {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 1_500 })
  const proxy = await openTcpProxy(url)
  const visitor = visit(await startConsole({ databaseUrl: url, operatorDatabaseUrl: proxy.url }))
  await visitor.get(group)
  const path = await count(visitor)
  proxy.delay(100)
  await visitor.post(`${path}/confirm`, {})
  await until('Its first page', async () => isUnderWay(await read(visitor, path)), { timeoutMs: 20_000 })
  return { url, proxy, visitor, path }
}

test('a database that fails in the middle ends a run, which says how far it came and can go on', async () => {
  const { url, proxy, visitor, path } = await confirmSlowRun()
  proxy.reset({ refuse: true })
  await waitForEnd(visitor, path)

  expect(visitor.page).toContain('Postgres does not answer.')
  expect(visitor.page).toMatch(/Judged<\/dt><dd>[\d,]+ of 1,500/)
  expect(visitor.page).toContain('Done is what was received before')
  const { rejected: left, stored } = await outcomesOf(url)
  expect(left! + stored!).toBe(1_500)
  expect(left).toBeGreaterThan(0)

  proxy.delay(0)
  proxy.heal()
  await count(visitor)
  expect(visitor.page).toContain(`Of ${left!.toLocaleString('en-US')} rejected deliveries`)
  await confirm(visitor)
  expect(await outcomesOf(url)).toEqual({ stored: 1_500 })
})

test('a console that stops in the middle leaves a receipt that says how far it came', async () => {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 1_500 })
  const proxy = await openTcpProxy(url)
  const prefix = freshPrefix()
  const running = await startConsole({ databaseUrl: url, operatorDatabaseUrl: proxy.url, prefix })
  const visitor = visit(running)
  await visitor.get(group)
  const path = await count(visitor)
  proxy.delay(100)
  await visitor.post(`${path}/confirm`, {})
  await until('Its first page', async () => isUnderWay(await read(visitor, path)), { timeoutMs: 20_000 })
  await running.stop()

  expect(logged(running, 'reprocessing ended before all were done')).toMatchObject([
    { end: 'console_ended', judged: expect.any(Number), doneUntil: expect.stringMatching(/^20/) },
  ])
  await goOnElsewhere({ url, prefix, path })
})

test('a console that is killed in the middle leaves one, too', async () => {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 1_500 })
  const proxy = await openTcpProxy(url)
  const prefix = freshPrefix()
  const redisUrl = inject('redisUrl')
  const env = { ...process.env, QUEUE_PREFIX: prefix, OPERATOR_DATABASE_URL: proxy.url }
  const service = await startService('console', { databaseUrl: url, redisUrl, env })
  onTestFinished(() => service.stop())
  const visitor = visit(service)
  await visitor.get(group)
  const path = await count(visitor)
  proxy.delay(200)
  await visitor.post(`${path}/confirm`, {})
  const redis = new Redis(redisUrl)
  onTestFinished(() => redis.disconnect())
  // The receipt is kept once a second.
  await until(
    'The receipt',
    async () => /"did":\{"judged":[1-9]/.test((await redis.get(`${prefix}:reprocessed`)) ?? ''),
    { timeoutMs: 20_000 },
  )
  process.kill(service.pid, 'SIGKILL')
  await service.ended
  await goOnElsewhere({ url, prefix, path })
})

test('while Redis is away it can be done all the same, and the receipt is kept when Redis is back', async () => {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 2 })
  const proxy = await openTcpProxy(inject('redisUrl'))
  const prefix = freshPrefix()
  const visitor = visit(
    await startConsole({ databaseUrl: url, operatorDatabaseUrl: url, redisUrl: proxy.url, prefix }),
  )
  proxy.reset({ refuse: true })
  await visitor.get(group)
  await count(visitor)
  await confirm(visitor)
  expect(visitor.page).toContain('Of 2 rejected deliveries 2 were stored.')
  expect((await visitor.get('/reprocess')).status).toBe(503)
  expect(visitor.page).toContain('Redis does not answer')
  proxy.heal()
  const redis = new Redis(inject('redisUrl'))
  onTestFinished(() => redis.disconnect())
  await until('The receipt', async () => (await redis.get(`${prefix}:reprocessed`)) !== null, {
    timeoutMs: 20_000,
  })
})

test('a run can be stopped, and its receipt says so', async () => {
  const { url, visitor, path } = await confirmSlowRun()
  await visitor.post(`${path}/stop`, {})
  await waitForEnd(visitor, path)
  expect(visitor.page).toContain('Somebody stopped it.')
  expect((await outcomesOf(url)).rejected).toBeGreaterThan(0)
})

test('who asked for it is logged by visit and address, without the words of a sender', async () => {
  const { url, writer } = await openStorage()
  const path = 'payload.+12025550123'
  await storeRejected(writer, { count: 1, path })
  const running = await startConsole({
    databaseUrl: url,
    operatorDatabaseUrl: url,
    config: { consolePassword: 'correct horse battery' },
  })
  const visitor = visit(running)
  await visitor.signIn('correct horse battery')
  await visitor.get(`/rejected/invalid_field?${new URLSearchParams({ path })}`)
  await count(visitor)
  await confirm(visitor)
  const [signedIn] = logged(running, 'signed in')
  const [reprocessing] = logged(running, 'reprocessing')
  expect(reprocessing).toMatchObject({
    reason: 'invalid_field',
    by: { address: '127.0.0.1', visit: signedIn!.visit },
  })
  expect(logged(running, 'reprocessed')).toMatchObject([{ judged: 1, end: 'done' }])
  expect(running.logLines.join('\n')).not.toContain('2025550123')
})

test('a POST from elsewhere begins nothing', async () => {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 1 })
  const running = await startConsole({ databaseUrl: url, operatorDatabaseUrl: url })
  const visitor = visit(running)
  await visitor.get(group)
  const fields = fieldsOf(visitor)
  expect((await visitor.post('/reprocess', { ...fields, token: 'x' })).status).toBe(403)
  await visitor.get(group)
  expect((await visitor.post('/reprocess', fields, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  await visitor.get(group)
  expect((await visitor.post('/reprocess', { span: 'year' })).status).toBe(400)
  expect(logged(running, 'counting what reprocessing would change')).toEqual([])
})

test('a role that may not change rows is told which one may', async () => {
  const { url, writer } = await openStorage()
  await createRoles(url)
  await storeRejected(writer, { count: 1 })
  const visitor = visit(await startConsole({ databaseUrl: url, operatorDatabaseUrl: as('vss_support', url) }))
  await visitor.get(group)
  await count(visitor)
  await confirm(visitor)
  expect(visitor.page).toContain('Give OPERATOR_DATABASE_URL the role vss_operator')
  expect(await outcomesOf(url)).toEqual({ rejected: 1 })
})

test('deliveries that killed their workers are left to the command', async () => {
  const { url, writer } = await openStorage()
  await storeRejected(writer, { count: 1, code: 'kills_worker', path: '' })
  const visitor = visit(await startConsole({ databaseUrl: url, operatorDatabaseUrl: url }))
  await visitor.get('/rejected/kills_worker?path=')
  expect(visitor.page).toContain('vss reprocess --reason kills_worker')
  expect(visitor.page).not.toContain('action="/reprocess"')
  await visitor.get('/rejected')
  await count(visitor)
  expect(visitor.page).toContain('There is no such delivery.')
})

const startTimeReason = { code: 'invalid_field', path: 'payload.startTime', message: 'earlier' } as const

/** The fields of the form on the last page that begins a run. */
function fieldsOf({ page }: Visitor): Record<string, string> {
  const [, form = ''] = /action="\/reprocess">(.*?)<\/form>/s.exec(page) ?? []
  const inputs = form.matchAll(/name="([^"]+)" value="([^"]*)"/g)
  return Object.fromEntries([...inputs].map(([, name, value]) => [name!, value!]))
}

function tokenOf(visitor: Visitor): { token: string } {
  return { token: fieldsOf(visitor).token ?? '' }
}

/** Begins a run by the last page's form. @returns the run's address, when its count is there */
async function count(visitor: Visitor): Promise<string> {
  const response = await visitor.post('/reprocess', fieldsOf(visitor))
  expect(response.status).toBe(303)
  return await waitForEnd(visitor, response.headers.get('location')!)
}

async function confirm(visitor: Visitor): Promise<string> {
  const [, path] = /action="(\/reprocess\/[\da-f-]{36})\/confirm"/.exec(visitor.page) ?? []
  expect((await visitor.post(`${path}/confirm`, {})).status).toBe(303)
  return await waitForEnd(visitor, path!)
}

/** Finds the receipt of a console that has ended by another one, and reprocesses the rest there. */
async function goOnElsewhere(options: { url: string; prefix: string; path: string }): Promise<void> {
  const { url, prefix, path } = options
  const visitor = visit(await startConsole({ databaseUrl: url, operatorDatabaseUrl: url, prefix }))
  await visitor.get(path)
  expect(visitor.page).toContain('The console was stopped meanwhile.')
  expect(visitor.page).toMatch(/Judged<\/dt><dd>[\d,]+ of 1,500/)
  await count(visitor)
  await confirm(visitor)
  expect(await outcomesOf(url)).toEqual({ stored: 1_500 })
}

async function waitForEnd(visitor: Visitor, path: string): Promise<string> {
  await until('The end of the work', async () => !(await read(visitor, path)).includes('<progress'), {
    timeoutMs: 30_000,
  })
  return path
}

async function read(visitor: Visitor, path: string): Promise<string> {
  await visitor.get(path)
  return visitor.page
}

function isUnderWay(page: string): boolean {
  return /Reprocessing: [1-9][\d,]* of/.test(page)
}

function logged({ logLines }: RunningConsole, message: string) {
  return logLines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message)
}

async function outcomesOf(url: string): Promise<Record<string, number>> {
  const rows = await rowsOf<{ outcome: string; count: number }>(
    url,
    'SELECT outcome, count(*)::integer AS count FROM vss.deliveries GROUP BY outcome',
  )
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]))
}
