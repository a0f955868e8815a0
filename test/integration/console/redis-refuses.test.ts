import { expect, onTestFinished, test } from 'vitest'
import { startConsole, visit } from '../../support/console.ts'
import { openStorage } from '../../support/open-storage.ts'
import { startOwnRedis } from '../../support/own-redis.ts'

const redis = await startOwnRedis()

test.each([
  ['a wrong password', 'limited:wrong', 'WRONGPASS'],
  ['a user who may not read', 'limited:secret', 'NOPERM'],
])('%s is told from a Redis that is away', async (_, login, words) => {
  await redis.client.acl('SETUSER', 'limited', 'reset', 'on', '>secret', '~*', '+ping', '+hello', '+client')
  const { url } = await openStorage()
  const visitor = visit(await startConsole({ databaseUrl: url, redisUrl: as(login) }))
  expect((await visitor.get('/queue')).status).toBe(503)
  expect(visitor.page).toContain('Redis answers, and cannot be used')
  expect(visitor.page).toContain(words)
  await visitor.get('/')
  expect(visitor.page).toContain('Redis answers, and cannot be used as it is')
  expect(visitor.page).toContain(`Redis says: ${words}`)
  expect(visitor.page).not.toMatch(/Redis is away|secret|:wrong/)
})

test('a Redis that is full is read, and said to be full', async () => {
  await redis.client.config('SET', 'maxmemory', '1mb')
  onTestFinished(async () => void (await redis.client.config('SET', 'maxmemory', '0')))
  const { url } = await openStorage()
  const visitor = visit(await startConsole({ databaseUrl: url, redisUrl: redis.url }))
  expect((await visitor.get('/queue')).status).toBe(200)
  await visitor.get('/')
  expect(visitor.page).toContain('Redis is full')
  expect(visitor.page).not.toContain('Redis is away')
})

function as(login: string): string {
  const url = new URL(redis.url)
  const [user = '', password = ''] = login.split(':')
  url.username = user
  url.password = password
  return url.href
}
