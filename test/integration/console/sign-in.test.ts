import http from 'node:http'
import { expect, test } from 'vitest'
import { startConsole, visit } from '../../support/console.ts'
import { openStorage } from '../../support/open-storage.ts'

const password = 'correct horse battery'
const pages = ['/', '/sessions', '/rejected', '/traffic', '/drift', '/consumers', '/queue', '/live']

async function startWithPassword(options: { nowMs?: () => number; trustedProxies?: string[] } = {}) {
  const { nowMs, trustedProxies = [] } = options
  const { url } = await openStorage()
  return await startConsole({
    databaseUrl: url,
    config: { consolePassword: password, trustedProxies },
    ...(nowMs && { nowMs }),
  })
}

test('without the password no page is shown, and nothing is said about what is there', async () => {
  const visitor = visit(await startWithPassword())
  for (const path of [...pages, '/sessions/1f048a84-ea6d-11ee-911b-078f7290bf52', '/nothing']) {
    const response = await visitor.get(path)
    expect([response.status, response.headers.get('location')]).toEqual([
      303,
      `/sign-in?to=${encodeURIComponent(path)}`,
    ])
    expect(visitor.page).toBe('')
  }
  for (const wrong of ['', 'correct horse', `${password} `, `${password}\0`]) {
    expect((await visitor.signIn(wrong)).status).toBe(403)
    expect(visitor.page).toContain('The password is wrong.')
    expect((await visitor.get('/sessions')).status).toBe(303)
  }
})

test('with the password a visitor sees the pages, under a new cookie, until signing out', async () => {
  const visitor = visit(await startWithPassword())
  await visitor.get('/sign-in?to=/queue')
  const before = visitor.cookie
  const response = await visitor.post('/sign-in', { password, to: '/queue' })
  expect([response.status, response.headers.get('location')]).toEqual([303, '/queue'])
  const inside = visitor.cookie
  expect(inside).not.toBe(before)
  expect((await visitor.get('/queue')).status).toBe(200)
  await visitor.post('/sign-out', {})

  const copied = await fetch(new URL('/queue', response.url), {
    headers: { cookie: inside },
    redirect: 'manual',
  })
  expect(copied.status, 'a copy of the cookie').toBe(303)
})

test('a cookie is kept from scripts and other sites, and from plain HTTP where there is TLS', async () => {
  const { url } = await startWithPassword()
  const [plain, overTls] = await Promise.all([
    fetch(`${url}/sign-in`),
    fetch(`${url}/sign-in`, { headers: { 'x-forwarded-proto': 'https' } }),
  ])
  expect(plain.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^vss_console=[\w.-]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/),
  ])
  expect(overTls.headers.getSetCookie()[0]).toMatch(/; Secure/)
  expect(overTls.headers.get('strict-transport-security')).toBe('max-age=31536000')
})

test('a visit ends after twelve hours', async () => {
  let nowMs = Date.now()
  const visitor = visit(await startWithPassword({ nowMs: () => nowMs }))
  await visitor.signIn(password)
  nowMs += 12 * 3_600_000 - 1_000
  expect((await visitor.get('/queue')).status).toBe(200)
  nowMs += 2_000
  expect((await visitor.get('/queue')).status).toBe(303)
})

test('after five wrong passwords an address waits, even with the right one; another address does not', async () => {
  let nowMs = Date.now()
  const running = await startWithPassword({ nowMs: () => nowMs, trustedProxies: ['127.0.0.1'] })
  const visitor = visit(running)
  const from = (address: string) => ({ 'x-forwarded-for': address })
  await visitor.get('/sign-in')
  for (let tried = 0; tried < 5; tried++) {
    expect((await visitor.post('/sign-in', { password: 'wrong' }, from('203.0.113.7'))).status).toBe(403)
  }
  const refused = await visitor.post('/sign-in', { password }, from('203.0.113.7'))
  expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, 60])
  expect((await visitor.post('/sign-in', { password }, from('203.0.113.8'))).status).toBe(303)
  nowMs += 60_000
  const again = visit(running)
  await again.get('/sign-in')
  expect((await again.post('/sign-in', { password }, from('203.0.113.7'))).status).toBe(303)

  const log = running.logLines.join('\n')
  expect(log).toContain('203.0.113.7')
  expect(log).not.toContain(password)
})

test.each([
  ['https://evil.example/'],
  ['//evil.example/'],
  ['/\\evil.example'],
  ['javascript:alert(1)'],
  ['/\r\nx: y'],
])('the way back after a sign-in never leads to %j', async (to) => {
  const visitor = visit(await startWithPassword())
  await visitor.get('/sign-in')
  const response = await visitor.post('/sign-in', { password, to })
  expect(response.headers.get('location')).toBe('/')
})

test('a POST needs the token of its visit, and a page of this console', async () => {
  const running = await startWithPassword()
  const [visitor, other] = [visit(running), visit(running)]
  await visitor.signIn(password)
  await other.signIn(password)
  await other.get('/sessions')
  const [, foreignToken = ''] = /name="token" value="([^"]+)"/.exec(other.page) ?? []

  await visitor.get('/sessions')
  const fresh = () => visitor.get('/sessions')
  for (const token of ['', 'x', foreignToken]) {
    expect((await visitor.post('/sessions', { token })).status, token).toBe(403)
    await fresh()
  }
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ]) {
    expect((await visitor.post('/sessions', {}, headers)).status, JSON.stringify(headers)).toBe(403)
    await fresh()
  }
  const { host } = new URL(running.url)
  expect((await visitor.post('/sessions', {}, { origin: `http://${host}` })).status).toBe(200)
  expect((await visitor.post('/sessions', {}, { 'sec-fetch-site': 'same-origin' })).status).toBe(200)
})

test('a form is bounded', async () => {
  const visitor = visit(await startWithPassword())
  await visitor.get('/sign-in')
  expect((await visitor.post('/sign-in', { password: 'x'.repeat(17_000) })).status).toBe(400)
})

test('a link on another site asks again for the cookie, and signs nobody out', async () => {
  const visitor = visit(await startWithPassword())
  await visitor.signIn(password)
  const { cookie } = visitor
  const url = (await visitor.get('/queue')).url
  // The browser keeps the cookie back.
  const first = await fetch(url, { headers: { 'sec-fetch-site': 'cross-site' } })
  expect(first.headers.getSetCookie()).toEqual([])
  expect(await first.text()).toContain('http-equiv="refresh" content="0"')
  expect((await fetch(url, { headers: { cookie } })).status).toBe(200)
})

test('without a password only a local name is answered, because another site may give its name our address', async () => {
  const { url } = await openStorage()
  const running = await startConsole({ databaseUrl: url })
  const statusFor = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      http
        .get(`${running.url}/sessions`, { headers: { host } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        .on('error', reject)
    })
  expect(await Promise.all(['localhost:8090', '127.0.0.1', '[::1]:8090'].map(statusFor))).toEqual([
    200, 200, 200,
  ])
  expect(await statusFor('evil.example')).toBe(403)
})

test('every answer forbids framing, foreign scripts and storing, but for assets', async () => {
  const running = await startWithPassword()
  const visitor = visit(running)
  const responses = [
    await visitor.get('/sign-in'),
    await visitor.get('/nothing'),
    await visitor.signIn(password),
  ]
  responses.push(await visitor.get('/sessions'), await visitor.post('/sessions', { token: '' }))
  for (const { headers, status } of responses) {
    const policy = headers.get('content-security-policy')!
    expect(policy, String(status)).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/unsafe|\*|https?:/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('cache-control')).toBe('no-store')
  }
  await visitor.get('/sessions')
  const assets = visitor.page.match(/\/assets\/[^"]+/g) ?? []
  expect(assets.length).toBeGreaterThan(5)
  for (const path of assets) {
    const { status, headers } = await visitor.get(path)
    expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable'])
  }
  expect((await visitor.get('/assets/x/../../package.json')).status).not.toBe(200)
})
