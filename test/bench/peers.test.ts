import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { receivedAtMsOf } from '@vss-pipeline/delivery'
import { generateEvents } from '@vss-pipeline/generator'
import { until } from '@vss-pipeline/local-stack'
import { createPool, createWriter } from '@vss-pipeline/storage'
import { enrichSession, type LedgerEntry, validateEvent } from '@vss-pipeline/vss'
import type pg from 'pg'
import { v7 } from 'uuid'
import { beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { connect, createTestDatabase } from '../support/databases.ts'
import { postAll } from './load/load-generator.ts'
import { leanHandler, type Peer, peers } from './peers/index.ts'
import { startPeer } from './programs.ts'

/**
 * Sessions, then corrections and duplicates of some. They are sent later, because bodies sent together have no order.
 */
const [firsts, repeats] = makeBodies()

type Queryable = Pick<pg.Client, 'query'>

interface Rows {
  sessions: object[]
  legs: object[]
}

let ours: Rows
/** The pipeline's rows in the columns of the lean handler. */
let oursLean: object[]

beforeAll(async () => {
  const database = await createTestDatabase(inject('databaseUrl'))
  const pool = createPool({ databaseUrl: database.url, maxConnections: 1, applicationName: 'vss-test' })
  const writer = createWriter({ pool, pipelineVersion: 'test' })
  await writer.write([...firsts, ...repeats].map(entryOf))
  ours = await readRows(pool)
  oursLean = await readLeanRowsOfOurs(pool)
  await pool.end()
  await database.drop()
})

test('the pipeline has stored a row for each session', () => {
  expect(ours.sessions).toHaveLength(firsts.length)
  expect(ours.legs.length).toBeGreaterThan(firsts.length)
  expect(repeats.length).toBeGreaterThan(10)
})

test.each(peers.map((peer) => [peer.name, peer] as const))(
  '%s: stores the rows of the pipeline',
  async (_, peer) => {
    const db = await runPeer(peer)
    const areOurs = async () => isDeepStrictEqual(await readRows(db), ours)
    // The assertion shows better which rows are missing or different.
    await until("The pipeline's rows", areOurs, { timeoutMs: 10_000 }).catch(() => undefined)
    expect(await readRows(db)).toEqual(ours)
  },
)

test('the lean handler stores its few columns as the pipeline does', async () => {
  const db = await runPeer(leanHandler)
  const { rows } = await db.query('SELECT * FROM lean.sessions ORDER BY session_id')
  expect(rows).toEqual(oursLean)
})

/** Lets a peer store all events in a database of its own. */
async function runPeer({ ingest, worker, table }: Peer): Promise<pg.Client> {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const servers = { databaseUrl: database.url, redisUrl: inject('redisUrl') }
  const settings = { QUEUE_PREFIX: `test-${randomUUID()}` }
  if (worker !== undefined) {
    const program = await startPeer(worker, servers, settings)
    onTestFinished(() => program.stop())
  }
  const program = await startPeer(ingest, servers, settings)
  onTestFinished(() => program.stop())
  const db = await connect(database.url)
  await postAndStore(program.webhookUrl, db, table!)
  return db
}

async function postAndStore(webhookUrl: string, db: pg.Client, table: string): Promise<void> {
  await postAll(webhookUrl, firsts)
  await until(
    'A row for each session',
    async () => {
      const { rows } = await db.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)
      return rows[0]!.count === firsts.length
    },
    { timeoutMs: 20_000 },
  )
  await postAll(webhookUrl, repeats)
}

/** Reads the columns that come from the event, without those that tell of its storing. */
async function readRows(db: Queryable): Promise<Rows> {
  const sessions = await db.query(`SELECT * FROM vss.sessions ORDER BY session_id`)
  const legs = await db.query(`SELECT * FROM vss.call_legs ORDER BY session_id, leg`)
  return {
    sessions: sessions.rows.map(
      ({
        delivery_id,
        received_at,
        processed_at,
        pipeline_version,
        revision,
        body_sha256,
        change_xid,
        ...said
      }) => said,
    ),
    legs: legs.rows,
  }
}

async function readLeanRowsOfOurs(db: Queryable): Promise<object[]> {
  const { rows } = await db.query(
    `SELECT session_id, sub_account_id, session.status, started_at, ended_at, client_request_id, a.source,
       coalesce(b.destination, a.destination) AS destination
     FROM vss.sessions AS session
       LEFT JOIN (SELECT * FROM vss.call_legs WHERE leg = 'A') AS a USING (session_id)
       LEFT JOIN (SELECT * FROM vss.call_legs WHERE leg = 'B') AS b USING (session_id)
     ORDER BY session_id`,
  )
  return rows
}

function entryOf(body: Buffer): LedgerEntry {
  const validation = validateEvent(body)
  if (!validation.ok) throw new Error('a body of the benchmark was rejected: it posts only sessions')
  const deliveryId = v7()
  const receivedAtMs = receivedAtMsOf(deliveryId)
  return {
    deliveryId,
    receivedAtMs,
    sourceIp: null,
    body,
    verdict: { kind: 'session', session: enrichSession(validation.session, receivedAtMs) },
  }
}

/** @returns bodies of distinct sessions, and later ones of some of them. */
function makeBodies(): [Buffer[], Buffer[]] {
  const firsts = new Map<string, Buffer>()
  const repeats = new Map<string, Buffer>()
  for (const { kind, body, sessionId } of generateEvents({ seed: 'peers', count: 600, dirtyShare: 0.5 })) {
    if (kind === 'clean') firsts.set(sessionId!, Buffer.from(body))
    if (kind === 'duplicate' || kind === 'correction') repeats.set(sessionId!, Buffer.from(body))
  }
  return [[...firsts.values()], [...repeats.values()]]
}
