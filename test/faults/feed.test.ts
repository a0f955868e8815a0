import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@vss-pipeline/local-stack'
import pg from 'pg'
import { expect, test } from 'vitest'
import {
  expectEveryPostAcknowledged,
  startFaultyPipeline,
  surviveUnderLoad,
} from '../support/faulty-pipeline.ts'
import { killProcess } from '../support/faulty-server.ts'

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
  expect(copy).toEqual(new Map(rows.map(({ id, content }) => [id, content])))
  console.log(`feed: ${copy.size} sessions copied by ${reads} readers`)
})

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
