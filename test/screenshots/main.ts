import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { webhookPath } from '@vss-pipeline/delivery'
import { generateEvents } from '@vss-pipeline/generator'
import {
  createTemporaryFolder,
  findOnPath,
  projectRoot,
  startPipeline,
  startService,
  startStack,
  until,
} from '@vss-pipeline/local-stack'
import { readDrift } from '@vss-pipeline/reader'
import { createPool, createWriter, type Pool, type Writer } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { type Browser, chromium } from 'playwright-core'
import { storeMadeUpSessions } from '../support/console-records.ts'
import { storeRejected } from '../support/rejected-ledger.ts'
import { browsers } from '../support/required-programs.ts'

const minuteMs = 60_000
const size = { width: 1_200, height: 760 }

/**
 * Takes the pictures of docs/images: each page of the console, with made-up records of two weeks. `--to` names another
 * folder, `--width` and `--dark` another look.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { to: { type: 'string' }, width: { type: 'string' }, dark: { type: 'boolean' } },
  })
  const folder = values.to ?? join(projectRoot, 'docs', 'images')
  await mkdir(folder, { recursive: true })
  await using started = new AsyncDisposableStack()
  const temporary = await createTemporaryFolder()
  started.defer(() => temporary.remove())
  const stack = await startStack({ folder: temporary.path, ports: { postgres: 0, redis: 0 } })
  started.defer(() => stack.stop())
  await migrate({ databaseUrl: stack.databaseUrl })
  const pool = createPool({
    databaseUrl: stack.databaseUrl,
    maxConnections: 2,
    applicationName: 'screenshots',
  })
  started.defer(() => pool.end())
  const writer = createWriter({ pool, pipelineVersion: '0.1.0' })
  await storeRecords(pool, writer)

  const env = { ...process.env, SPOOL_DIR: join(temporary.path, 'spool') }
  const pipeline = await startPipeline({ ...stack, env })
  started.defer(() => pipeline.stop())
  const pages = await startService('console', {
    ...stack,
    env: { ...env, OPERATOR_DATABASE_URL: stack.databaseUrl },
  })
  started.defer(() => pages.stop())
  for (const { body } of generateEvents({
    seed: 'posted',
    count: 240,
    dirtyShare: 0.08,
    startAtMs: Date.now() - 20_000,
  })) {
    await fetch(pipeline.ingestUrl + webhookPath, { method: 'POST', body: Buffer.from(body) })
  }

  await until('The drift', async () => (await readDrift(pool)).length > 0, { timeoutMs: 15_000 })

  const executablePath = findOnPath(...browsers)
  if (executablePath === undefined) throw new Error(`the PATH has no ${browsers.join(' or ')}`)
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  started.defer(() => browser.close())
  const look = { width: Number(values.width ?? size.width), isDark: values.dark === true }
  const sessionId = await findGoodSession(pool)
  await takePictures(browser, { url: pages.url, writer, sessionId, folder, look })
}

async function storeRecords(pool: Pool, writer: Writer): Promise<void> {
  const untilMs = Date.now() - 6 * minuteMs
  await storeMadeUpSessions(writer, { seed: 'week', count: 12_000, days: 15, untilMs })
  await pool.query(`SELECT vss.commit('billing', vss.feed_end()), vss.commit('warehouse', vss.feed_end())`)
}

/** A masked call with something to show: two legs, an anomaly and a talk. */
async function findGoodSession(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ session_id: string }>(
    `SELECT session_id FROM vss.sessions
     WHERE call_count = 2 AND answered AND talk_seconds BETWEEN 30 AND 120 AND caller IS NOT NULL AND callee IS NOT NULL
     ORDER BY anomalies = '{duration_mismatch}' DESC, started_at DESC LIMIT 1`,
  )
  return rows[0]!.session_id
}

async function takePictures(
  browser: Browser,
  options: {
    url: string
    writer: Writer
    sessionId: string
    folder: string
    look: { width: number; isDark: boolean }
  },
): Promise<void> {
  const { url, writer, sessionId, folder, look } = options
  const context = await browser.newContext({
    viewport: { width: look.width, height: size.height },
    colorScheme: look.isDark ? 'dark' : 'light',
  })
  const page = await context.newPage()
  const pages = {
    overview: '/?span=week',
    sessions: '/sessions',
    session: `/sessions/${sessionId}`,
    rejected: '/rejected',
    'rejected-group': '/rejected/invalid_field?path=payload.startTime&span=week',
    traffic: '/traffic?span=week',
    drift: '/drift',
    consumers: '/consumers',
    queue: '/queue',
  }
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(url + path)
    if ((await page.$('.plot')) !== null) await page.waitForSelector('.uplot')
    if (name === 'overview') await page.waitForSelector('text=Records flow')
    await page.screenshot({ path: join(folder, `${name}.png`) })
  }
  await storeRejected(writer, { count: 340 })
  await page.goto(url + pages['rejected-group'])
  await page.click('text=Reprocess all of this group')
  await page.waitForSelector('text=would be stored')
  await page.screenshot({ path: join(folder, 'reprocess.png') })
}

await main()
