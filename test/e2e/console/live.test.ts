import { setTimeout as delay } from 'node:timers/promises'
import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { describe, expect, test } from 'vitest'
import { browserPath, openTab, sayIfSkipped } from '../../support/browser.ts'
import { startConsole } from '../../support/console.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'

sayIfSkipped('The live overview')

describe.skipIf(browserPath === undefined)('the overview', () => {
  test('follows while events are posted, and keeps the focus', async () => {
    const pipeline = await startRunningPipeline()
    const { databaseUrl, redisUrl, queuePrefix: prefix } = pipeline
    const { url } = await startConsole({ databaseUrl, redisUrl, prefix })
    const { page, complaints } = await openTab()
    // The network is slow: each script but the first comes late.
    let scripts = 0
    await page.route('**/*.js', async (route) => {
      if (scripts++ > 0) await delay(1_000)
      await route.continue()
    })
    await page.goto(url)
    await page.focus('text=last 7 days')
    expect(await page.textContent('.verdict')).toContain('Nothing comes')
    for (const { body } of generateEvents({ seed: 'live', count: 20 })) {
      await fetch(pipeline.webhookUrl, { method: 'POST', body: Buffer.from(body) })
    }
    await until(
      'The verdict',
      async () => /20 stored in the last 5 minutes/.test((await page.textContent('.verdict')) ?? ''),
      { timeoutMs: 15_000 },
    )
    // Ingest tells its own count once a second.
    await until(
      'The count of ingest',
      async () => /Accepted, last hour\s*20/.test((await page.textContent('.tiles')) ?? ''),
      { timeoutMs: 15_000 },
    )
    expect(await page.evaluate('document.activeElement.textContent')).toBe('last 7 days')
    expect(await page.textContent('table:has-text("ingest")')).toMatch(/ingest.*worker/s)

    await pipeline.workers[0]!.stop()
    await until(
      'The word of the missing worker',
      async () => ((await page.textContent('.verdict')) ?? '').includes('No worker has run'),
      { timeoutMs: 40_000 },
    )
    expect(complaints).toEqual([])
  }, 90_000)
})
