import { randomUUID } from 'node:crypto'
import type { Delivery } from '@vss-pipeline/delivery'
import { generateEvents } from '@vss-pipeline/generator'
import { reject, reprocess } from '@vss-pipeline/pipeline'
import {
  addUpMinutes,
  deliveriesWait,
  inTransaction,
  type LedgerSelection,
  type Pool,
  pruneMinutes,
} from '@vss-pipeline/storage'
import fc from 'fast-check'
import { v7 as uuidv7 } from 'uuid'
import { describe, expect, test } from 'vitest'
import { selectLedger, selectLedgerStatement } from '../../../packages/storage/src/ledger-selection.ts'
import { bodiesOf, dayStart } from '../../support/ledger-partitions.ts'
import { openAdminPool, openStorage } from '../../support/open-storage.ts'
import {
  all,
  deliveryOf,
  eventOf,
  oldReason,
  readOtherwise,
  receivedAtMs,
  rejectedBefore,
  rejudgePages,
  reprocessAll,
  sessionIdOf,
  today,
  write,
} from '../../support/rejudging.ts'
import { bodyOf } from '../../support/vendor-examples.ts'

describe('a rejected delivery that passes now', () => {
  test('makes its session, keeps its id and its time, and its history tells what it was', async () => {
    const storage = await openStorage()
    const one = deliveryOf(eventOf(randomUUID()))
    await write(storage, [rejectedBefore(one)])
    const { rows: before } = await storage.pool.query('SELECT processed_at FROM vss.deliveries')

    const results = await reprocessAll(storage.pool)

    const sessionId = sessionIdOf(one)
    expect(results).toMatchObject([
      { deliveryId: one.deliveryId, sessionId, from: 'rejected', to: 'stored', effect: 'judged' },
    ])
    const { rows } = await storage.pool.query(
      `SELECT outcome, reasons, delivery.session_id, delivery.pipeline_version, history, session.revision, session.delivery_id,
         session.received_at
       FROM vss.deliveries AS delivery JOIN vss.sessions AS session USING (session_id)`,
    )
    expect(rows).toEqual([
      {
        outcome: 'stored',
        reasons: [],
        session_id: sessionId,
        pipeline_version: 'today',
        history: [
          {
            outcome: 'rejected',
            reasons: [oldReason],
            pipeline_version: '1.2.3',
            processed_at: expect.stringMatching(/^20/),
          },
        ],
        revision: 1,
        delivery_id: one.deliveryId,
        received_at: new Date(one.receivedAtMs),
      },
    ])
    expect(new Date(rows[0].history[0].processed_at)).toEqual(before[0].processed_at)
  })

  test('is superseded by what stands when it is older, and a duplicate when it says the same', async () => {
    const storage = await openStorage()
    const event = eventOf(randomUUID())
    const [same, other, standing, newer] = [
      deliveryOf(event),
      deliveryOf({ ...event, payload: { ...event.payload, clientRequestId: 'older' } }),
      deliveryOf(event),
      deliveryOf({ ...event, payload: { ...event.payload, clientRequestId: 'newer' } }),
    ]
    await write(storage, [rejectedBefore(same), rejectedBefore(other), today(standing)])
    expect(await currentOf(storage.pool)).toMatchObject([{ delivery_id: standing.deliveryId, revision: 1 }])

    expect((await reprocessAll(storage.pool)).map(({ to }) => to)).toEqual([
      'duplicate',
      'superseded',
      'stored',
    ])
    expect(await currentOf(storage.pool)).toMatchObject([{ delivery_id: standing.deliveryId, revision: 1 }])

    await write(storage, [rejectedBefore(newer)])
    await reprocessAll(storage.pool)
    expect(await currentOf(storage.pool)).toMatchObject([
      { delivery_id: newer.deliveryId, client_request_id: 'newer', revision: 2 },
    ])
  })
})

test('a session is written again only where its values differ, and its outcome stays', async () => {
  const storage = await openStorage()
  const [differs, same] = [deliveryOf(eventOf(randomUUID())), deliveryOf(eventOf(randomUUID()))]
  await write(storage, [readOtherwise(differs), today(same)])
  const unchanged = await rowOf(storage.pool, same)

  const results = await reprocessAll(storage.pool)

  expect(results.map(({ from, to, effect }) => [from, to, effect])).toEqual([
    ['stored', 'stored', 'session_rewritten'],
    ['stored', 'stored', 'none'],
  ])
  const rewritten = await rowOf(storage.pool, differs)
  expect(rewritten).toMatchObject({ revision: 2, caller: '+12314377870', pipeline_version: 'today', legs: 2 })
  expect(await rowOf(storage.pool, same)).toEqual(unchanged)
})

test('a delivery that would be rejected now leaves its session as it stands; one that stands for nothing is rejected', async () => {
  const storage = await openStorage()
  const event = eventOf(randomUUID())
  const [older, newer] = [deliveryOf(event), deliveryOf(event)]
  const badBody = bodyOf({ ...event, payload: { ...event.payload, sessionStatus: undefined } })
  await write(storage, [
    { ...today(older), body: badBody },
    { ...today(newer), body: badBody },
  ])
  const before = await currentOf(storage.pool)

  const results = await reprocessAll(storage.pool)

  expect(results.map(({ from, to, effect }) => [from, to, effect])).toEqual([
    ['duplicate', 'rejected', 'judged'],
    ['stored', 'stored', 'would_reject'],
  ])
  expect(await currentOf(storage.pool)).toEqual(before)
  await expectMinutesToAgree(storage.pool)
})

test('a delivery without a body, or whose body names another session now, stays as it is', async () => {
  const storage = await openStorage()
  const [lost, moved] = [deliveryOf(eventOf(randomUUID())), deliveryOf(eventOf(randomUUID()))]
  const undecodable = { code: 'undecodable_batch', path: '', message: 'lost' } as const
  await write(storage, [
    { ...reject(lost, [undecodable]), body: null },
    { ...today(moved), body: bodyOf(eventOf(randomUUID())) },
  ])
  const before = await currentOf(storage.pool)

  const results = await reprocessAll(storage.pool)

  expect(results.map(({ effect }) => effect)).toEqual(['no_body', 'other_session'])
  expect(await currentOf(storage.pool)).toEqual(before)
})

test('a dry run tells the same, and changes nothing', async () => {
  const storage = await openStorage()
  const deliveries = Array.from({ length: 30 }, () => deliveryOf(eventOf(randomUUID())))
  await write(
    storage,
    deliveries.map((one, index) => [rejectedBefore, readOtherwise, today][index % 3]!(one)),
  )
  const before = await contentsOf(storage.pool)

  const dry = await reprocessAll(storage.pool, { isDryRun: true })

  expect(await contentsOf(storage.pool)).toEqual(before)
  expect(await reprocessAll(storage.pool)).toEqual(dry)
  expect(await contentsOf(storage.pool)).not.toEqual(before)
})

test('counts by minute that have been removed are not corrected', async () => {
  const storage = await openStorage()
  const ms = Date.now() - 40 * 86_400_000
  const old = { ...deliveryOf(eventOf(randomUUID())), receivedAtMs: ms, deliveryId: uuidv7({ msecs: ms }) }
  await write(storage, [rejectedBefore(old)])
  await addUpMinutes(storage.pool)
  await pruneMinutes(storage.pool)

  expect(await reprocessAll(storage.pool)).toMatchObject([{ from: 'rejected', to: 'stored' }])

  expect((await storage.pool.query('SELECT * FROM vss.minutes')).rows).toEqual([])
})

test('a row that was brought in by hand, with microseconds, is judged once as others are', async () => {
  const storage = await openStorage()
  await write(
    storage,
    Array.from({ length: 3 }, () => rejectedBefore(deliveryOf(eventOf(randomUUID())))),
  )
  for (const table of ['deliveries', 'bodies']) {
    await storage.pool.query(
      `UPDATE vss.${table} SET received_at = received_at + interval '456 microseconds'`,
    )
  }

  expect(await rejudgePages(storage.pool, { limit: 1, judge: today, mostPages: 4 })).toMatchObject(
    Array.from({ length: 3 }, () => ({ from: 'rejected', to: 'stored' })),
  )
  expect((await reprocessAll(storage.pool)).map(({ effect }) => effect)).toEqual(['none', 'none', 'none'])
})

test('a row whose reasons never read as they stand is given up', async () => {
  const storage = await openStorage()
  await write(storage, [rejectedBefore(deliveryOf(eventOf(randomUUID())))])
  // A number beyond those of JavaScript.
  await storage.pool.query(`UPDATE vss.deliveries SET reasons = '[{"code": "by_hand", "limit": 1e400}]'`)
  await expect(reprocessAll(storage.pool)).rejects.toMatchObject({ code: 'database_busy' })
})

test('a delivery that is still rejected gets the id of its session, where it can be read now', async () => {
  const storage = await openStorage()
  const event = eventOf(randomUUID())
  const one = deliveryOf({ ...event, payload: { ...event.payload, sessionStatus: undefined } })
  const entry = today(one)
  if (entry.verdict.kind !== 'rejected') throw new Error('it passes')
  await write(storage, [{ ...entry, verdict: { ...entry.verdict, sessionId: null } }])

  expect((await reprocessAll(storage.pool)).map(({ effect }) => effect)).toEqual(['judged'])
  expect((await reprocessAll(storage.pool)).map(({ effect }) => effect)).toEqual(['none'])

  const { rows } = await storage.pool.query('SELECT session_id FROM vss.deliveries')
  expect(rows).toEqual([{ session_id: event.payload.sessionId }])
})

test('one delivery is found by its key, however large the ledger is, and whatever its id', async () => {
  const storage = await openStorage()
  const one = deliveryOf(eventOf(randomUUID()))
  await write(storage, [today(one), today(deliveryOf(eventOf(randomUUID())))])
  const selected = async (deliveryId: string) => {
    const results = await reprocessAll(storage.pool, { isDryRun: true, selection: { ...all, deliveryId } })
    return results.map((result) => result.deliveryId)
  }

  expect(await selected(one.deliveryId)).toEqual([one.deliveryId])
  expect(await selected('ffffffff-ffff-7fff-bfff-ffffffffffff')).toEqual([])
  expect(await selected(randomUUID())).toEqual([])
  const { text, values } = selectLedgerStatement({
    selection: { ...all, deliveryId: one.deliveryId },
    after: null,
    limit: 1,
  })
  const plan = await storage.pool.query(`EXPLAIN (FORMAT JSON) ${text}`, values)
  expect(JSON.stringify(plan.rows)).toMatch(/"Index Cond":"[^"]*received_at = /)
})

test('a page of a ledger without statistics reads its own rows, and not all that are left', async () => {
  const storage = await openStorage()
  await write(
    storage,
    Array.from({ length: 1_000 }, () => rejectedBefore(deliveryOf(eventOf(randomUUID())))),
  )
  const pool = openAdminPool(storage.url)
  const rowsRead = async () => {
    await pool.query('SELECT pg_stat_force_next_flush()')
    const { rows } = await pool.query<{ count: number }>(
      `SELECT sum(seq_tup_read + idx_tup_fetch)::integer AS count FROM pg_stat_user_tables
       WHERE relname LIKE 'deliveries%'`,
    )
    return rows[0]!.count
  }
  const before = await rowsRead()

  const judged = await rejudgePages(pool, { limit: 10, judge: today, mostPages: 5 })

  expect(judged).toHaveLength(50)
  // Once to judge a row, once to correct it.
  expect((await rowsRead()) - before).toBeLessThan(150)
})

test('a page reads the days of bodies that it has deliveries of, and locks no other', async () => {
  const storage = await openStorage()
  const one = deliveryOf(eventOf(randomUUID()))
  await write(storage, [today(one)])
  for (let day = -60; day < -50; day++) {
    const range = [dayStart(day), dayStart(day + 1)]
    await storage.pool.query('SELECT vss.make_partition($1, $2, $3, $4)', ['bodies', bodiesOf(day), ...range])
  }

  await inTransaction(storage.pool, async (client) => {
    const page = await selectLedger(client, { selection: all, after: null, limit: 10 })
    expect(page.map(({ body }) => body)).toEqual([one.body])
    const { rows } = await client.query<{ name: string }>(
      `SELECT DISTINCT relname AS name FROM pg_locks JOIN pg_class ON pg_class.oid = relation
       WHERE pid = pg_backend_pid() AND relkind = 'r' AND relname LIKE 'bodies%'`,
    )
    // Between midnight and one o'clock the delivery is in the default partition.
    expect(rows).toHaveLength(1)
    expect([bodiesOf(0), 'bodies_default']).toContain(rows[0]!.name)
  })
})

test('a rate holds, also one of a delivery in several seconds', async () => {
  const storage = await openStorage()
  await write(storage, [today(deliveryOf(eventOf(randomUUID()))), today(deliveryOf(eventOf(randomUUID())))])
  const stop = new AbortController()
  const pages = reprocess({
    pool: storage.pool,
    selection: all,
    pipelineVersion: 'today',
    isDryRun: true,
    deliveriesPerSecond: 0.15,
    signal: stop.signal,
  })
  const startedAt = performance.now()

  await pages.next()
  await pages.next()

  expect(performance.now() - startedAt).toBeGreaterThan(6_000)
  stop.abort()
  expect(await pages.next()).toMatchObject({ done: true })
})

test('a page rests for nine times as long as it took once deliveries have waited for 3 s', async () => {
  const storage = await openStorage()
  await write(storage, [today(deliveryOf(eventOf(randomUUID()))), today(deliveryOf(eventOf(randomUUID())))])
  await storage.pool.query(
    `UPDATE vss.watermark SET complete_until = now() - interval '3100 ms', reason = $1, updated_at = now()`,
    [deliveriesWait],
  )
  const pages = reprocess({
    pool: storage.pool,
    selection: all,
    pipelineVersion: 'today',
    isDryRun: true,
  })
  const startedAt = performance.now()
  await pages.next()
  const tookMs = performance.now() - startedAt

  await pages.next()

  // A timer of Node's may be a millisecond early.
  expect(performance.now() - startedAt).toBeGreaterThan(10 * tookMs - 1)
})

test('each condition selects the deliveries to which it applies', async () => {
  const storage = await openStorage()
  const [rejected, stored, flagged, killer] = Array.from({ length: 4 }, () =>
    deliveryOf(eventOf(randomUUID())),
  )
  const anomaly = {
    ...flagged!,
    body: bodyOf(Object.assign(eventOf(sessionIdOf(flagged!)), { surprise: 1 })),
  }
  await write(storage, [
    rejectedBefore(rejected!),
    today(stored!),
    today(anomaly),
    reject(killer!, [{ code: 'kills_worker', path: '', message: 'killed' }]),
  ])
  const selected = async (selection: Partial<LedgerSelection>) =>
    (await reprocessAll(storage.pool, { isDryRun: true, selection: { ...all, ...selection } })).map(
      ({ deliveryId }) =>
        [rejected, stored, flagged, killer].findIndex((one) => one!.deliveryId === deliveryId),
    )

  expect(await selected({})).toEqual([0, 1, 2, 3])
  expect(await selected({ outcomes: ['stored'] })).toEqual([1, 2])
  expect(await selected({ outcomes: ['stored', 'rejected'] })).toEqual([0, 1, 2, 3])
  expect(await selected({ reason: 'invalid_field' })).toEqual([0])
  expect(await selected({ withoutReason: 'kills_worker' })).toEqual([0, 1, 2])
  expect(await selected({ anomaly: 'unknown_field' })).toEqual([2])
  expect(await selected({ sessionId: sessionIdOf(stored!) })).toEqual([1])
  expect(await selected({ deliveryId: killer!.deliveryId })).toEqual([3])
  expect(await selected({ writtenBy: '1.2.3' })).toEqual([0, 1, 2, 3])
  expect(await selected({ writtenBy: '1.2.4' })).toEqual([])
  expect(await selected({ since: new Date(stored!.receivedAtMs) })).toEqual([1, 2, 3])
  expect(await selected({ until: new Date(stored!.receivedAtMs) })).toEqual([0])
})

test('a value that Postgres refuses is rejected alone', async () => {
  const storage = await openStorage()
  const deliveries = Array.from({ length: 20 }, () => deliveryOf(eventOf(randomUUID())))
  await write(storage, deliveries.map(rejectedBefore))
  const bad = deliveries[7]!.deliveryId
  const judge = (delivery: Delivery) => {
    const entry = today(delivery)
    if (delivery.deliveryId !== bad || entry.verdict.kind === 'rejected') return entry
    return { ...entry, verdict: { ...entry.verdict, session: { ...entry.verdict.session, caller: '\0' } } }
  }

  const results = await rejudgePages(storage.pool, { limit: 20, judge })

  expect(results.map(({ to }) => to)).toEqual(
    deliveries.map(({ deliveryId }) => (deliveryId === bad ? 'rejected' : 'stored')),
  )
  const { rows } = await storage.pool.query(`SELECT delivery_id, reasons FROM vss.rejected`)
  expect(rows).toMatchObject([{ delivery_id: bad, reasons: [{ code: 'refused_by_database' }] }])
})

test('what an earlier release judged in any order becomes as if this release had judged it, once and for all', {
  timeout: 120_000,
}, async () => {
  const arbitrary = fc.record({
    seed: fc.integer(),
    verdicts: fc.infiniteStream(
      fc.constantFrom(today, today, rejectedBefore, readOtherwise) as fc.Arbitrary<typeof today>,
    ),
    order: fc.infiniteStream(fc.nat()),
    flushSize: fc.integer({ min: 1, max: 20 }),
    stopAfter: fc.integer({ min: 0, max: 3 }),
  })
  const [fresh, again] = [await openStorage(), await openStorage()]
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ seed, verdicts, order, flushSize, stopAfter }) => {
      const deliveries = [
        ...generateEvents({ seed, count: 60, dirtyShare: 0.7, startAtMs: receivedAtMs }),
      ].map(({ body }) => deliveryOf(body))
      for (const { pool } of [fresh, again]) await pool.query(emptyTables)
      await write(fresh, deliveries.map(today))
      const earlier = deliveries
        .map((one) => ({ entry: verdicts.next().value!(one), place: order.next().value! }))
        .sort((one, other) => one.place - other.place)
        .map(({ entry }) => entry)
      for (let first = 0; first < earlier.length; first += flushSize) {
        await write(again, earlier.slice(first, first + flushSize))
      }

      // It is stopped in between, and begun again.
      await rejudgePages(again.pool, { limit: 7, judge: today, mostPages: stopAfter })
      await reprocessAll(again.pool)
      expect(await contentsOf(again.pool)).toEqual(await contentsOf(fresh.pool))
      await expectMinutesToAgree(again.pool)

      const before = await everythingOf(again.pool)
      expect((await reprocessAll(again.pool)).filter(({ effect }) => effect !== 'none')).toEqual([])
      expect(await everythingOf(again.pool)).toEqual(before)
    }),
    { numRuns: 20 },
  )
})

test('two that run at once, beside a writer, leave the same as one', async () => {
  const deliveries = [...generateEvents({ seed: 'two', count: 1_000, dirtyShare: 0.5 })].map(({ body }) =>
    deliveryOf(body),
  )
  const [fresh, again] = [await openStorage(), await openStorage()]
  await write(fresh, deliveries.map(today))
  const late = deliveries.filter((_, index) => index % 5 === 0)
  await write(again, deliveries.filter((_, index) => index % 5 !== 0).map(rejectedBefore))

  await Promise.all([reprocessAll(again.pool), reprocessAll(again.pool), write(again, late.map(today))])

  expect(await contentsOf(again.pool)).toEqual(await contentsOf(fresh.pool))
  await expectMinutesToAgree(again.pool)
  const { rows } = await again.pool.query(
    'SELECT max(jsonb_array_length(history)) AS most FROM vss.deliveries',
  )
  expect(rows).toEqual([{ most: 1 }])
})

const emptyTables =
  'TRUNCATE vss.sessions, vss.call_legs, vss.deliveries, vss.minute_tallies, vss.minute_counts; DELETE FROM vss.bodies'

async function currentOf(pool: Pool): Promise<object[]> {
  return (await pool.query('SELECT * FROM vss.sessions ORDER BY session_id')).rows
}

async function rowOf(pool: Pool, delivery: Delivery): Promise<object> {
  const { rows } = await pool.query(
    `SELECT *, (SELECT count(*)::integer FROM vss.call_legs WHERE call_legs.session_id = sessions.session_id) AS legs
     FROM vss.sessions WHERE session_id = $1`,
    [sessionIdOf(delivery)],
  )
  return rows[0]
}

/** The rows as they would be had the deliveries been judged by one release alone, in any order. */
async function contentsOf(pool: Pool) {
  const sessions = await pool.query(
    `SELECT to_jsonb(sessions) - '{processed_at,revision,pipeline_version,change_xid,anomaly_details}'::text[] AS session
     FROM vss.sessions ORDER BY session_id`,
  )
  const legs = await pool.query('SELECT * FROM vss.call_legs ORDER BY session_id, leg')
  const rejected = await pool.query(
    'SELECT delivery_id, session_id, reasons FROM vss.rejected ORDER BY delivery_id',
  )
  return { sessions: sessions.rows, legs: legs.rows, rejected: rejected.rows }
}

async function everythingOf(pool: Pool) {
  const sessions = await pool.query('SELECT *, xmin FROM vss.sessions ORDER BY session_id')
  const deliveries = await pool.query('SELECT *, xmin, xmax FROM vss.deliveries ORDER BY delivery_id')
  return { sessions: sessions.rows, deliveries: deliveries.rows }
}

async function expectMinutesToAgree(pool: Pool): Promise<void> {
  await addUpMinutes(pool)
  const counted = await pool.query(
    `SELECT minute, outcome, sum(deliveries)::integer AS deliveries FROM vss.minutes
     GROUP BY 1, 2 HAVING sum(deliveries) <> 0 ORDER BY 1, 2`,
  )
  const recorded = await pool.query(
    `SELECT date_trunc('minute', received_at) AS minute, outcome, count(*)::integer AS deliveries FROM vss.deliveries
     GROUP BY 1, 2 ORDER BY 1, 2`,
  )
  expect(counted.rows).toEqual(recorded.rows)
}
