import { findOnPath } from '@vss-pipeline/local-stack'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, onTestFinished } from 'vitest'
import { browsers } from './required-programs.ts'

/** The browser to test with; undefined where there is none. */
export const browserPath = findOnPath(...browsers)

/** Says in one line which tests are left out, where there is no browser. */
export function sayIfSkipped(suite: string): void {
  if (browserPath === undefined) {
    console.log(`${suite}: skipped, because the PATH has no ${browsers.join(' or ')}`)
  }
}

let browser: Promise<Browser> | undefined

afterAll(async () => {
  await (await browser)?.close()
  browser = undefined
})

export interface Tab {
  page: Page
  /** Errors and warnings of the browser's console, and of scripts. */
  complaints: string[]
  /** The hosts that were asked for anything. */
  hosts: Set<string>
}

/** Opens a page of its own in the browser of this test file. It closes when the test has finished. */
export async function openTab(
  options: { width?: number; scheme?: 'light' | 'dark'; hasScript?: boolean } = {},
): Promise<Tab> {
  const { width = 1_280, scheme = 'light', hasScript = true } = options
  browser ??= chromium.launch({
    executablePath: browserPath!,
    // As root, in a container, and with a small /dev/shm.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })
  const context: BrowserContext = await (await browser).newContext({
    viewport: { width, height: 900 },
    colorScheme: scheme,
    javaScriptEnabled: hasScript,
  })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  const hosts = new Set<string>()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => hosts.add(new URL(request.url()).host))
  return { page, complaints, hosts }
}
