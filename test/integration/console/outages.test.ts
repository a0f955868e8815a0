import { until } from '@vss-pipeline/local-stack'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startConsole, visit } from '../../support/console.ts'
import { createEmptyDatabase, createTestDatabase, rowsOf } from '../../support/databases.ts'
import { openStorage } from '../../support/open-storage.ts'
import { as, createRoles } from '../../support/roles.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const ofDatabase = ['/sessions', '/rejected', '/traffic', '/drift', '/consumers']

test('while Postgres is away each page says so, and is back by itself with Postgres', async () => {
  const { url } = await openStorage()
  const proxy = await openTcpProxy(url)
  const visitor = visit(await startConsole({ databaseUrl: proxy.url }))
  expect((await visitor.get('/sessions')).status).toBe(200)
  proxy.reset({ refuse: true })
  for (const path of ofDatabase) {
    expect([path, (await visitor.get(path)).status]).toEqual([path, 503])
    expect(visitor.page).toContain('Postgres does not answer')
    expect(visitor.page).toContain('<meta http-equiv="refresh" content="5">')
  }
  expect((await visitor.get('/queue')).status).toBe(200)
  expect((await visitor.get('/')).status).toBe(200)
  expect(visitor.page).toContain('Postgres is away')
  proxy.heal()
  await until('The return of the page', async () => (await visitor.get('/sessions')).status === 200, {
    timeoutMs: 10_000,
  })
})

test('while Redis is away the queue says so, and the other pages work', async () => {
  const { url } = await openStorage()
  const proxy = await openTcpProxy(inject('redisUrl'))
  const visitor = visit(await startConsole({ databaseUrl: url, redisUrl: proxy.url }))
  expect((await visitor.get('/queue')).status).toBe(200)
  proxy.reset({ refuse: true })
  expect((await visitor.get('/queue')).status).toBe(503)
  expect(visitor.page).toContain('Redis does not answer')
  expect(visitor.page).toContain('<meta http-equiv="refresh" content="5">')
  for (const path of ofDatabase) expect([path, (await visitor.get(path)).status]).toEqual([path, 200])
  await until(
    'The verdict',
    async () => {
      await visitor.get('/')
      return visitor.page.includes('Redis is away')
    },
    { timeoutMs: 10_000 },
  )
  proxy.heal()
  await until('The return of the page', async () => (await visitor.get('/queue')).status === 200, {
    timeoutMs: 10_000,
  })
})

test('a database that is not migrated is told from one that is empty', async () => {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const visitor = visit(await startConsole({ databaseUrl: database.url }))
  for (const path of ofDatabase) {
    expect([path, (await visitor.get(path)).status]).toEqual([path, 503])
    expect(visitor.page).toContain('The database is not migrated')
    expect(visitor.page).toContain('npx vss migrate')
  }
  expect((await visitor.get('/')).status).toBe(200)
  expect(visitor.page).toContain('cannot be used as it is')
})

test('an empty database has pages that say what is missing', async () => {
  const { url } = await openStorage()
  const visitor = visit(await startConsole({ databaseUrl: url }))
  const words: Record<string, string> = {
    '/sessions': 'No session is like that.',
    '/rejected': 'Nothing was rejected in the last 7 days.',
    '/traffic': 'There was no call in this time.',
    '/drift': 'Events are as documented.',
    '/consumers': 'Nobody follows the rows yet.',
    '/queue': 'Nothing waits.',
    '/sessions/1f048a84-ea6d-11ee-911b-078f7290bf52': 'No delivery was about this session.',
    '/deliveries/0196f7a8-0000-7000-8000-000000000000': 'The ledger does not have this delivery.',
  }
  for (const [path, text] of Object.entries(words)) {
    await visitor.get(path)
    expect(visitor.page, path).toContain(text)
  }
  for (const path of [
    '/nothing',
    '/sessions/x',
    '/sessions/%00',
    '/deliveries/x',
    '/queue/0/x',
    '/queue/x/y',
  ]) {
    expect([path, (await visitor.get(path)).status]).toEqual([path, 404])
  }
})

test('a role that may not read is told which one may', async () => {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  await createRoles(database.url)
  await rowsOf(database.url, 'REVOKE SELECT ON vss.drift FROM vss_support')
  const visitor = visit(await startConsole({ databaseUrl: as('vss_support', database.url) }))
  expect((await visitor.get('/drift')).status).toBe(503)
  expect(visitor.page).toContain('Give DATABASE_URL the role vss_support')
})
