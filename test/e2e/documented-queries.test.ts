import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import {
  addUpMinutes,
  advanceWatermark,
  createPool,
  createWriter,
  noteDrift,
  type Pool,
  readWatermark,
} from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { enrichSession, type LedgerEntry, validateEvent } from '@vss-pipeline/vss'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEmptyDatabase } from '../support/databases.ts'
import { type DocumentedQuery, documentedQueries } from '../support/documented-queries.ts'
import { callLeg, delivery, deliveryIdAt, rejectedDelivery, session } from '../support/entries.ts'
import { startOwnPostgres } from '../support/own-postgres.ts'
import { createRoles } from '../support/roles.ts'

const postgres = await startOwnPostgres()
const sessionCount = 200_000
const dayMs = 24 * 3_600_000

/** As vss_reader, of a month of sessions. Notices tell the plan of each statement, also within functions. */
let reader: pg.Client
let plans: string[] = []

beforeAll(async () => {
  const { url } = await createEmptyDatabase(postgres.url)
  await createRoles(url)
  await migrate({ databaseUrl: url })
  const pool = createPool({ databaseUrl: url, maxConnections: 1, applicationName: 'vss-test' })
  await fillMonth(pool)
  await pool.end()

  reader = new pg.Client({ connectionString: url })
  await reader.connect()
  await reader.query(
    `LOAD 'auto_explain';
     SET auto_explain.log_min_duration = 0;
     SET auto_explain.log_nested_statements = on;
     SET auto_explain.log_level = notice;
     SET SESSION AUTHORIZATION vss_reader`,
  )
  reader.on('notice', ({ message }) => plans.push(message ?? ''))
}, 180_000)
// Before the server, which was started earlier.
afterAll(() => reader?.end())

/** These ask for most of the month. */
const readMostRows = [
  'The last 30 days',
  'The last 4 weeks: the hours of the week with most calls',
  'Talk time by sub-account and day of Singapore, since last month began there',
  'Calls to look at before they are billed',
]

test.each([
  ['README.md', 1],
  ['docs/consuming.md', 31],
])(
  'vss_reader may run the queries of %s: of 200,000 sessions each shows rows, and no more is read than it asks for',
  async (page, count) => {
    const queries = await documentedQueries(page)
    expect(queries).toHaveLength(count)
    const cursor = await until(
      'The feed',
      async () =>
        (await reader.query<{ cursor: string }>('SELECT cursor FROM vss.changes()')).rows[0]?.cursor,
      { timeoutMs: 10_000 },
    )

    const readWhole: string[] = []
    for (const query of queries) {
      // The query with $1 commits the cursor that the query before it gave.
      const { rowCount, scanned } = await run(query, query.text.includes('$1') ? [cursor] : [])
      expect(rowCount, query.text).toBeGreaterThan(0)
      if (scanned.length > 0) readWhole.push(query.title)
    }
    expect(readWhole.filter((title) => !readMostRows.includes(title))).toEqual([])
  },
)

test('the queries that find a call read a few rows by an index', async () => {
  const queries = await documentedQueries('docs/consuming.md', 'Find a call')
  expect(queries.length).toBeGreaterThan(3)

  for (const query of queries) {
    await run(query, [])
    expect(plans.join('\n'), query.text).toMatch(/Index.*_idx/)
  }
})

test('a statement that reads a whole table is noticed', async () => {
  const { scanned } = await run({ title: '', text: 'SELECT max(talk_seconds) FROM vss.session_facts' }, [])

  expect(scanned).toEqual(['sessions'])
})

/** @returns the number of rows, and the tables of sessions, legs and deliveries that were read from end to end. */
async function run({ text }: DocumentedQuery, values: unknown[]) {
  plans = []
  const { rowCount } = await reader.query(text, values)
  expect(plans, text).not.toEqual([])
  const scanned = [...plans.join('\n').matchAll(/Seq Scan on (\w+)/g)]
    .map(([, table]) => table!)
    .filter((table) => /^(sessions|call_legs|deliveries|figures$)/.test(table))
  return { rowCount, scanned }
}

/** Writes what a month of use leaves behind, the calls and ids that the queries name included. */
async function fillMonth(pool: Pool): Promise<void> {
  const writer = createWriter({ pool, pipelineVersion: 'test' })
  const untilMs = Date.now()
  const period = { fromMs: untilMs - 30 * dayMs, untilMs }
  let entries: LedgerEntry[] = []
  const events = generateEvents({ seed: 'queries', count: sessionCount, dirtyShare: 0.01, period })
  for (const { body } of events) {
    const validation = validateEvent(body)
    if (!validation.ok) {
      entries.push(rejectedDelivery({ body: Buffer.from(body) }))
      continue
    }
    const content = enrichSession(validation.session, untilMs)
    const receivedAtMs = Math.min(content.endedAtMs, untilMs)
    entries.push(delivery(content, { body: Buffer.from(body), receivedAtMs }))
    if (entries.length >= 500) await write()
  }
  const legs = [callLeg('A', { callId: '1f048a83-ea6d-11ee-911b-e9023a97c284' })]
  const named = { clientRequestId: 'order-7', subAccountId: 'test_account', legs }
  entries.push(delivery(session({ ...named, startedAtMs: untilMs - dayMs })))
  await write()

  const [now, sampleDeliveryId] = [untilMs, deliveryIdAt(untilMs)]
  const seen = { firstSeenMs: now, lastSeenMs: now, deliveries: 1, sampleDeliveryId }
  await noteDrift(pool, [{ kind: 'unknown_field', path: 'payload.id', value: '', ...seen }])
  await addUpMinutes(pool)
  // The first call marks hours, the others count a hundred each.
  for (let call = 0; call < 9; call++) await pool.query(`SELECT vss.refresh_figures(100, '0')`)
  const told = [{ id: 'one', place: 'host', hasSpool: false, untilMs: now, toldAtMs: now }]
  const { version } = await readWatermark(pool)
  await advanceWatermark(pool, { version, completeUntilMs: now, reason: 'test', told, gone: [] })
  await pool.query('VACUUM (ANALYZE)')

  async function write(): Promise<void> {
    await writer.write(entries)
    entries = []
  }
}
