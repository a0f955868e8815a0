import { until } from '@vss-pipeline/local-stack'
import { type Change, follow } from '@vss-pipeline/reader'
import { createWriter, type Pool, type Writer } from '@vss-pipeline/storage'
import type { Session } from '@vss-pipeline/vss'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { createTestDatabase, rowsOf } from '../../support/databases.ts'
import { callLeg, delivery, session } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'

const postgres = await startOwnPostgres()

/** The sessions that writers insert and correct, by number. */
const sessions = Array.from({ length: 12 }, () => session())

/** A flush: these sessions get the next content, together. */
type Flush = readonly number[]

const flushes = fc.array(fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 4 }), {
  minLength: 5,
  maxLength: 25,
})

/** A reader gets so many batches. Then it ends, perhaps before it has dealt with the last of them. */
interface Life {
  batches: number
  maxRows: number
  /** Ends that are not asked for happen while the last batch is in hand. */
  end: 'break after its commit' | 'break' | 'signal' | 'error'
  /** Its connections are cut while the first batch is in hand. */
  isCut: boolean
}

const lives = fc.array(
  fc.record<Life>({
    batches: fc.integer({ min: 1, max: 6 }),
    maxRows: fc.integer({ min: 1, max: 6 }),
    end: fc.constantFrom('break after its commit', 'break', 'signal', 'error'),
    isCut: fc.boolean(),
  }),
  { maxLength: 8 },
)
/** The last one commits, or none would ever come to the end. */
const lastLife: Life = { batches: 3, maxRows: 6, end: 'break after its commit', isCut: false }

test('readers that end at any moment get every change, in order, whatever writers do at the same time', async () => {
  const { url, pool } = await openDatabase()
  let copied = 0

  await fc.assert(
    fc.asyncProperty(fc.array(flushes, { minLength: 3, maxLength: 3 }), lives, async (plans, some) => {
      await pool.query('TRUNCATE vss.sessions, vss.deliveries, vss.bodies CASCADE')
      await pool.query('TRUNCATE vss.consumers')
      let areWriting = true
      const writing = Promise.all(plans.map((plan) => write(pool, plan))).finally(() => {
        areWriting = false
      })

      const copy = new Map<string, Change>()
      const turns = [...some, lastLife]
      for (let turn = 0, isDone = false; !isDone; turn++) {
        isDone = await live(url, turns[turn % turns.length]!, copy, async () => {
          return !areWriting && (await isComplete(pool, copy))
        })
      }
      await writing

      expect(contentOf([...copy.values()])).toEqual(await readContent(pool))
      copied += copy.size
    }),
    { numRuns: 8, endOnFailure: true },
  )
  expect(copied).toBeGreaterThan(16)
}, 120_000)

test('a reader goes on through restarts and crashes of Postgres under writers, and misses nothing', async () => {
  const { url, pool } = await openDatabase()
  const stop = new AbortController()
  const copy = new Map<string, Change>()
  const told: string[] = []
  let taken = 0
  const reading = (async () => {
    for await (const changes of follow({
      databaseUrl: url,
      consumer: 'billing',
      maxRows: 5,
      signal: stop.signal,
      onAway: () => told.push('away'),
      onBack: () => told.push('back'),
    })) {
      for (const change of changes) take(change, copy)
      taken += changes.length
      await changes.commit()
    }
  })()
  // Its error is that of the end.
  reading.catch(() => {})
  let areWriting = true
  onTestFinished(() => {
    areWriting = false
  })
  const writing = Promise.all(
    [0, 1, 2].map(async (writer) => {
      for (let number = 0; areWriting; number++) {
        // A flush that met the end of Postgres is written again, as a worker does.
        await write(pool, [[(writer * 4 + number) % 12, (number * 5) % 12].toSorted()]).catch(() => undefined)
      }
    }),
  )

  for (const end of ['kill', 'stop', 'kill'] as const) {
    const before = taken
    await until('Some changes', () => taken > before + 12, { timeoutMs: 15_000 })
    await postgres[end]()
    await until('A fault', () => told.at(-1) === 'away', { timeoutMs: 15_000 })
    await postgres.start()
    await until('The end of it', () => told.at(-1) === 'back', { timeoutMs: 15_000 })
  }
  areWriting = false
  await writing
  await until('The last change', () => isComplete(pool, copy), { timeoutMs: 15_000 })
  stop.abort()
  await reading

  expect(contentOf([...copy.values()])).toEqual(await readContent(pool))
  expect(told).toEqual(['away', 'back', 'away', 'back', 'away', 'back'])
}, 120_000)

let contents = 0

/** Writes flush after flush. Each content has a number, so that a mix of two contents shows. */
async function write(pool: Pool, plan: readonly Flush[]): Promise<void> {
  const writer: Writer = createWriter({ pool, pipelineVersion: 'test' })
  for (const flush of plan) {
    const now = Date.now()
    await writer.write(
      flush.map((number) => {
        const note = `content ${++contents}`
        const legs = [callLeg('A', { sourceRefId: note }), callLeg('B', { sourceRefId: note })]
        const content: Session = { ...sessions[number]!, clientRequestId: note, legs }
        return delivery(content, { receivedAtMs: now })
      }),
    )
  }
}

/** Reads batch after batch into the copy. @returns whether the copy was complete when it ended. */
async function live(
  url: string,
  { batches, maxRows, end, isCut }: Life,
  copy: Map<string, Change>,
  isDone: () => Promise<boolean>,
): Promise<boolean> {
  const stop = new AbortController()
  // A reader that waits for changes which do not come is done, or has had its time.
  const timer = setInterval(async () => {
    if (await isDone()) stop.abort()
  }, 50)
  let taken = 0
  let last: string | undefined
  try {
    for await (const changes of follow({
      databaseUrl: url,
      consumer: 'test',
      maxRows,
      signal: stop.signal,
    })) {
      expect(changes.length).toBeLessThanOrEqual(maxRows)
      for (const change of changes) {
        expect(last === undefined || change.cursor > last).toBe(true)
        last = change.cursor
      }
      if (isCut && taken === 0) await cut(url)
      const isLast = ++taken >= batches
      if (!isLast || end === 'break after its commit') {
        for (const change of changes) take(change, copy)
        await changes.commit()
      }
      if (!isLast) continue
      if (end === 'error') throw new DiedError()
      if (end === 'signal') stop.abort()
      else break
    }
  } catch (error) {
    if (!(error instanceof DiedError)) throw error
  } finally {
    clearInterval(timer)
  }
  return await isDone()
}

class DiedError extends Error {}

/** A change replaces what is there, and shows one content in the session and in its legs. */
function take(change: Change, copy: Map<string, Change>): void {
  const { session, legs, revision } = change
  expect(legs.map(({ leg, sourceRefId }) => [leg, sourceRefId])).toEqual([
    ['A', session?.clientRequestId],
    ['B', session?.clientRequestId],
  ])
  expect(revision).toBe(session?.revision)
  copy.set(change.sessionId, change)
}

async function cut(url: string): Promise<void> {
  await rowsOf(
    url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'vss-follow%'`,
  )
}

function contentOf(changes: readonly Change[]): Record<string, unknown> {
  return Object.fromEntries(
    changes.map(({ sessionId, revision, session }) => [sessionId, [revision, session?.clientRequestId]]),
  )
}

async function readContent(pool: Pool): Promise<Record<string, unknown>> {
  const { rows } = await pool.query<{ id: string; revision: number; note: string }>(
    'SELECT session_id AS id, revision, client_request_id AS note FROM vss.sessions',
  )
  return Object.fromEntries(rows.map(({ id, revision, note }) => [id, [revision, note]]))
}

/** Whether the copy has the present revision of each session. */
async function isComplete(pool: Pool, copy: Map<string, Change>): Promise<boolean> {
  const stored = Object.entries(await readContent(pool))
  const copied = contentOf([...copy.values()])
  return stored.every(([id, content]) => JSON.stringify(copied[id]) === JSON.stringify(content))
}

async function openDatabase(): Promise<{ url: string; pool: Pool }> {
  const { url, drop } = await createTestDatabase(postgres.url)
  onTestFinished(drop)
  return { url, pool: openPool(url) }
}
