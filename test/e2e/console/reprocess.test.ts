import { until } from '@vss-pipeline/local-stack'
import { describe, expect, test } from 'vitest'
import { runAxe } from '../../support/axe.ts'
import { browserPath, openTab, sayIfSkipped } from '../../support/browser.ts'
import { startConsole } from '../../support/console.ts'
import { openStorage } from '../../support/open-storage.ts'
import { storeRejected } from '../../support/rejected-ledger.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

sayIfSkipped('The buttons that reprocess')

const group = '/rejected/invalid_field?path=payload.startTime&span=day'

describe.skipIf(browserPath === undefined)('the buttons that reprocess', () => {
  test('count first, show how far they are, and leave a receipt, in two tabs', async () => {
    const { url: databaseUrl, writer } = await openStorage()
    await storeRejected(writer, { count: 1_500 })
    const proxy = await openTcpProxy(databaseUrl)
    const { url } = await startConsole({ databaseUrl, operatorDatabaseUrl: proxy.url })
    const { page, complaints, hosts } = await openTab()
    proxy.delay(150)
    await page.goto(url + group)
    await page.click('text=Reprocess all of this group')
    await page.waitForURL('**/reprocess/*')
    expect(await runAxe(page)).toEqual([])
    await page.waitForSelector('text=Of 1,500 rejected deliveries 1,500 would be stored.')
    expect(await runAxe(page)).toEqual([])
    const address = page.url()
    const other = await openTab({ width: 390, scheme: 'dark' })
    await other.page.goto(address)

    await page.click('button:text("Reprocess")')
    await page.waitForSelector('text=/Reprocessing: [1-9][\\d,]* of 1,500/')
    expect(await runAxe(page)).toEqual([])
    await other.page.reload()
    await page.focus('text=Stop')
    await page.waitForSelector('text=/Reprocessing: 1,000 of 1,500/')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Stop')
    proxy.delay(0)
    const receipt = 'text=Of 1,500 rejected deliveries 1,500 were stored.'
    await page.waitForSelector(receipt)
    expect(await runAxe(page)).toEqual([])
    await other.page.waitForSelector(receipt)
    expect(await runAxe(other.page)).toEqual([])
    await page.reload()
    await page.waitForSelector(receipt)
    // Nothing asks any more.
    expect(await page.locator('[data-hx-trigger]').count()).toBe(0)

    await page.click('text=All that was reprocessed')
    await page.click('tbody a')
    await page.waitForURL(address)
    expect([...complaints, ...other.complaints]).toEqual([])
    expect([...hosts]).toEqual([new URL(url).host])
  }, 60_000)

  test('work without script', async () => {
    const { url: databaseUrl, writer } = await openStorage()
    await storeRejected(writer, { count: 3 })
    const { url } = await startConsole({ databaseUrl, operatorDatabaseUrl: databaseUrl })
    const { page } = await openTab({ hasScript: false })
    // A page that is reloaded while a form's answer arrives has lost the answer.
    async function send(button: string): Promise<void> {
      const answered = page.waitForEvent('load')
      await page.click(button)
      await answered
    }
    await page.goto(url + group)
    await send('text=Reprocess all of this group')
    const untilEnded = () =>
      until(
        'The end of the work',
        async () => {
          await page.reload()
          return (await page.locator('progress').count()) === 0
        },
        { timeoutMs: 20_000 },
      )
    await untilEnded()
    await send('button:text("Reprocess")')
    await untilEnded()
    expect(await page.textContent('main')).toContain('Of 3 rejected deliveries 3 were stored.')
  })
})
