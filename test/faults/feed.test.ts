import { setTimeout as pause } from 'node:timers/promises'
import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { beatFeed, type Pool } from '@vss-pipeline/storage'
import pg from 'pg'
import { expect, test } from 'vitest'
import { countLedger } from '../support/accounting.ts'
import {
  expectEveryPostAcknowledged,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'
import { killProcess } from '../support/faulty-server.ts'
import { postUntilAcknowledged } from '../support/load.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'
import { type Standby, startPrimaryWithStandbys } from '../support/standby.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

/** A session as a reader of the feed keeps it: its revision, its delivery, and its legs. */
type Copy = Map<string, string>

test('two workers write under load and one is killed: readers that come and go have every session as it is', async () => {
  const pipeline = await startFaultyPipeline({ workers: 2 })
  const copy: Copy = new Map()
  const end = new AbortController()
  let reads = 0
  const reading = readWhile(() => !end.signal.aborted)

  async function readWhile(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      await pause(20)
      // Every few pages the reader is gone before it has committed its last one, and another takes its place.
      await readPages(pipeline.postgres.url, copy, { pages: 5, commitsLast: reads++ % 2 === 0 })
    }
  }

  const { answers } = await surviveUnderLoad(pipeline, {
    seed: 'feed',
    count: 12_000,
    connections: 16,
    withinMs: 90_000,
    async fault() {
      await pause(500)
      await killProcess(pipeline.workers[0]!)
      await pipeline.startWorker()
    },
  })
  end.abort()
  await reading
  expectEveryPostAcknowledged({ answers })

  const { rows } = await pipeline.pool.query<{ id: string; content: string }>(
    `SELECT session_id AS id, ${contentColumns} AS content FROM vss.sessions AS session`,
  )
  await until(
    'The end of the feed',
    () => readPages(pipeline.postgres.url, copy, { pages: 100, commitsLast: true }),
    { timeoutMs: 20_000 },
  )
  expect(rows.length).toBeGreaterThan(1_000)
  // The feed does not tell what retention lets go of.
  for (const sessionId of pipeline.retention?.sessionIds ?? []) copy.delete(sessionId)
  expect(copy).toEqual(new Map(rows.map(({ id, content }) => [id, content])))
  console.log(`feed: ${copy.size} sessions copied by ${reads} readers`)
})

test('Postgres fails over under load and loses transactions: a reader sees every session as the new primary has it', async () => {
  const primary = await startPrimaryWithStandbys(1)
  const [standby] = primary.standbys as [Standby]
  const network = await openTcpProxy(primary.url)
  const { webhookUrl, pool } = await startRunningPipeline({ workers: 2, databaseUrl: network.url })
  const end = new AbortController()
  const beats = new Set<string>()
  const beating = repeatUntil(end.signal, async () => void beats.add(await beatFeed(pool)))
  const seen = new Set<string>()
  let cursor: string | undefined
  const reading = repeatUntil(end.signal, async () => {
    const rows = await readChanges(pool, cursor)
    for (const { id, content } of rows) seen.add(`${id} ${content}`)
    cursor = rows.at(-1)?.cursor ?? cursor
  })

  const events = generateEvents({ seed: 'feed-failover', count: 12_000 })
  const load = postUntilAcknowledged(webhookUrl, events, { connections: 16 })
  await until('The first rows', async () => (await countLedger(pool)) >= 1_000, { timeoutMs: 30_000 })
  await standby.catchUp()
  standby.isolate()
  const atCut = await countLedger(pool)
  await until('Rows that will be lost', async () => (await countLedger(pool)) >= atCut + 1_000, {
    timeoutMs: 30_000,
  })
  await primary.kill()
  const cursorAtKill = cursor!
  await standby.promote()
  network.retarget(standby.url)
  const { acknowledged } = await load
  await until('The end of changes in the ledger', () => isAtRest(pool), { timeoutMs: 90_000 })
  await until('The end of the feed', () => isRead(pool, cursor!), { timeoutMs: 20_000 })
  end.abort()
  await Promise.all([beating, reading])

  expect([...beats]).toEqual(expect.arrayContaining(['beat', 'continued']))
  const { rows } = await pool.query<{ id: string; content: string; isReused: boolean }>(
    `SELECT session_id AS id, ${contentColumns} AS content,
       session.change_xid <= ($1::numeric)::text::xid8 AND session.change_xid >= goes_back_to AS "isReused"
     FROM vss.sessions AS session CROSS JOIN vss.feed_ancestors`,
    [cursorAtKill.split('.')[2]],
  )
  expect(rows.filter(({ id, content }) => !seen.has(`${id} ${content}`))).toEqual([])
  const reused = rows.filter(({ isReused }) => isReused).length
  console.log(
    `feed, failover: ${acknowledged.length} acknowledged, ${rows.length} sessions, none skipped, ${reused} with ids that the reader had passed`,
  )
})

/** Goes on through errors, which there are while the database is away. */
async function repeatUntil(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => {})
    await pause(50)
  }
}

async function isAtRest(pool: Pool): Promise<boolean> {
  const before = await countLedger(pool).catch(() => -1)
  await pause(3_000)
  return before > 0 && (await countLedger(pool)) === before
}

async function isRead(pool: Pool, cursor: string): Promise<boolean> {
  const { rows } = await pool.query<{ state: string }>('SELECT state FROM vss.oldest_unread($1)', [cursor])
  return rows[0]!.state === 'up to date'
}

async function readChanges(pool: Pool, cursor: string | undefined) {
  const { rows } = await pool.query<{ cursor: string; id: string; content: string }>(
    `SELECT change.cursor, session.session_id AS id, ${contentColumns} AS content
     FROM vss.changes($1, 500) AS change
     JOIN vss.sessions AS session USING (session_id)
     ORDER BY change.cursor`,
    [cursor],
  )
  return rows
}

const contentColumns = `concat_ws(' ', session.revision, session.status, session.call_count,
  array(SELECT leg || status FROM vss.call_legs WHERE call_legs.session_id = session.session_id ORDER BY leg))`

/** Reads pages as a reader of its own. @returns whether the last one was empty and nothing waits behind it. */
async function readPages(
  url: string,
  copy: Copy,
  { pages, commitsLast }: { pages: number; commitsLast: boolean },
): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (let page = 1; page <= pages; page++) {
      const { rows } = await client.query<{ cursor: string; id: string; content: string }>(
        `SELECT change.cursor, session.session_id AS id, ${contentColumns} AS content
         FROM vss.changes((SELECT cursor FROM vss.consumers WHERE name = 'copy'), 50) AS change
         JOIN vss.sessions AS session USING (session_id)
         ORDER BY change.cursor`,
      )
      for (const { id, content } of rows) copy.set(id, content)
      const last = rows.at(-1)
      if (last === undefined) return await isUpToDate(client)
      if (page < pages || commitsLast) await client.query(`SELECT vss.commit('copy', $1)`, [last.cursor])
    }
    return false
  } finally {
    await client.end()
  }
}

async function isUpToDate(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ state: string }>('SELECT state FROM vss.consumer_lag')
  return rows[0]?.state === 'up to date'
}
