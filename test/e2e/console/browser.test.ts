import { until } from '@vss-pipeline/local-stack'
import { createPool, createWriter } from '@vss-pipeline/storage'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { runAxe } from '../../support/axe.ts'
import { freshPrefix } from '../../support/batches.ts'
import { browserPath, openTab, sayIfSkipped } from '../../support/browser.ts'
import { startConsole } from '../../support/console.ts'
import { storeMadeUpSessions } from '../../support/console-records.ts'
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts'
import { makeDelivery } from '../../support/deliveries.ts'
import { delivery, session } from '../../support/entries.ts'
import { openStorage } from '../../support/open-storage.ts'
import { openProducer } from '../../support/producer.ts'
import { loadStoredSessions } from '../../support/stored-sessions.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

sayIfSkipped('The console in a browser')

let database: TestDatabase
const sample = session({ startedAtMs: Date.now() - 3_600_000, endedAtMs: Date.now() - 3_580_000 })
const sampleDelivery = delivery(sample)

beforeAll(async () => {
  database = await createTestDatabase(inject('databaseUrl'))
  const pool = createPool({ databaseUrl: database.url, maxConnections: 2, applicationName: 'vss-test' })
  const writer = createWriter({ pool, pipelineVersion: '1.2.3' })
  const madeUp = { count: 1_500, days: 8 }
  await storeMadeUpSessions(writer, madeUp)
  // It empties the ledger, so that they are stored once more.
  await loadStoredSessions(database.url, 100_000)
  await storeMadeUpSessions(writer, madeUp)
  await writer.write([sampleDelivery])
  await pool.end()
}, 60_000)
afterAll(() => database?.drop())

const paths = [
  '/',
  '/?span=week',
  '/sessions',
  `/sessions/${sample.sessionId}`,
  `/deliveries/${sampleDelivery.deliveryId}`,
  '/rejected',
  '/reprocess',
  '/rejected/malformed_json?path=',
  '/traffic',
  '/traffic?by=country_pair&span=week',
  '/drift',
  '/consumers',
  '/queue',
  '/nothing',
]

describe.skipIf(browserPath === undefined)('in a browser', () => {
  test.each([
    { width: 390, scheme: 'light' },
    { width: 390, scheme: 'dark' },
    { width: 1_280, scheme: 'light' },
    { width: 1_280, scheme: 'dark' },
  ] as const)(
    'each page is sound and can be used by everyone, with 100,000 sessions: $width pixels, $scheme',
    async (look) => {
      const prefix = freshPrefix()
      const producer = await openProducer({ redisUrl: inject('redisUrl'), queuePrefix: prefix })
      await producer.enqueue([makeDelivery('{"a": 1}')])
      const consolePassword = 'correct horse battery'
      const { url } = await startConsole({
        databaseUrl: database.url,
        operatorDatabaseUrl: database.url,
        prefix,
        config: { consolePassword },
      })
      const { page, complaints, hosts } = await openTab(look)
      await page.goto(`${url}/queue`)
      expect(await page.textContent('h1')).toBe('Sign in')
      expect(await runAxe(page)).toEqual([])
      await page.fill('input[type=password]', consolePassword)
      await page.press('input[type=password]', 'Enter')
      const batch = await page.getAttribute('main a[href^="/queue/0/"]', 'href')
      for (const path of [...paths, batch]) {
        await page.goto(url + path)
        const findings = await runAxe(page)
        expect({ path, findings }).toEqual({ path, findings: [] })
        const overflow = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        )
        expect({ path, overflow }).toEqual({ path, overflow: 0 })
      }
      const expected = ['Failed to load resource: the server responded with a status of 404 (Not Found)']
      expect(complaints).toEqual(expected)
      expect([...hosts]).toEqual([new URL(url).host])
    },
    120_000,
  )

  test('a number that is searched for stays out of the address, and the filters are in it', async () => {
    const { url } = await startConsole({ databaseUrl: database.url })
    const { page, complaints } = await openTab()
    await page.goto(`${url}/sessions`)
    await page.fill('#find', '+1 202 555 0123')
    await page.selectOption('#status', 'COMPLETED')
    await page.press('#find', 'Enter')
    await page.waitForURL('**/sessions?status=COMPLETED')
    await page.waitForSelector(`#results a[href="/sessions/${sample.sessionId}"]`)
    expect(await page.inputValue('#find')).toBe('+1 202 555 0123')
    await page.reload()
    expect(await page.inputValue('#status')).toBe('COMPLETED')
    expect(await page.inputValue('#find')).toBe('')
    expect(complaints).toEqual([])
  })

  test('an id opens its session, older sessions follow, and a result is downloaded', async () => {
    const { url } = await startConsole({ databaseUrl: database.url })
    const { page, complaints } = await openTab()
    await page.goto(`${url}/sessions?span=week`)
    const first = await page.textContent('#results tbody tr:first-child a')
    await page.click('text=Older')
    await page.waitForSelector('#results button:has-text("Newest")')
    expect(await page.textContent('#results tbody tr:first-child a')).not.toBe(first)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=CSV')])
    expect(download.suggestedFilename()).toBe('sessions.csv')
    await page.fill('#find', sample.sessionId)
    await page.press('#find', 'Enter')
    await page.waitForURL(`**/sessions/${sample.sessionId}`)
    expect(complaints).toEqual([])
  })

  test('without script the search works as well', async () => {
    const { url } = await startConsole({ databaseUrl: database.url })
    const { page } = await openTab({ hasScript: false })
    await page.goto(`${url}/sessions`)
    await page.fill('#find', '0123')
    await page.press('#find', 'Enter')
    await page.waitForSelector(`#results a[href="/sessions/${sample.sessionId}"]`)
    expect(new URL(page.url()).search).toBe('')
  })

  test('script that a sender puts into a field does not run', async () => {
    const { url, writer } = await openStorage()
    const script = `"'><img src=x onerror="globalThis.isRun = true"><script>globalThis.isRun = true</script>`
    const one = session({
      subAccountId: script,
      caller: script,
      clientRequestId: script,
      startedAtMs: Date.now() - 60_000,
    })
    await writer.write([delivery(one, { body: Buffer.from(JSON.stringify({ [script]: script })) })])
    const running = await startConsole({ databaseUrl: url, config: { consoleNumbers: 'shown' } })
    const { page, complaints } = await openTab()
    for (const path of ['/sessions', `/sessions/${one.sessionId}`, '/traffic?by=sub_account']) {
      await page.goto(running.url + path)
      expect(await page.evaluate('globalThis.isRun')).toBeUndefined()
      expect(await page.textContent('main')).toContain('<script>globalThis.isRun')
    }
    expect(complaints).toEqual([])
  })

  test('a page about an outage is back by itself', async () => {
    const proxy = await openTcpProxy(database.url)
    const { url } = await startConsole({ databaseUrl: proxy.url })
    const { page } = await openTab()
    proxy.reset({ refuse: true })
    await page.goto(`${url}/drift`)
    expect(await page.textContent('h1')).toBe('Postgres does not answer')
    proxy.heal()
    await until('The return of the page', async () => (await page.textContent('h1')) === 'Drift', {
      timeoutMs: 15_000,
    })
  })
})
