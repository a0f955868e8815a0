import { readFile } from 'node:fs/promises'
import { createWriter } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import type pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { selectLedger } from '../../../packages/storage/src/ledger-selection.ts'
import { readBody } from '../../support/accounting.ts'
import { connect, createEmptyDatabase } from '../../support/databases.ts'
import {
  fillEarlier,
  migrateToEarlier,
  migrateUnderLoad,
  writeAsEarlier,
} from '../../support/earlier-schema.ts'
import { rejectedDelivery } from '../../support/entries.ts'
import { openPool } from '../../support/open-storage.ts'
import { describeSchema } from './describe-schema.ts'

const schemaFile = new URL('../../../packages/storage/schema.sql', import.meta.url)
const sessionId = '00000000-0000-4000-8000-000000000001'

test('migrations rewrite no table and make no writer wait, and end in the schema of a fresh database', async () => {
  const { url, client } = await earlierDatabase({ sessions: 20_000 })

  const { writes, longestWriteMs, files } = await migrateUnderLoad(url)

  expect(files.after).toMatchObject(files.before)
  expect(writes).toBeGreaterThan(1)
  expect(longestWriteMs).toBeLessThan(3_000)
  expect(await describeSchema(client)).toBe(await readFile(schemaFile, 'utf8'))
})

test('rows from before the migration are one change, and deliveries from before came by webhook', async () => {
  const { url, client } = await earlierDatabase({ sessions: 100 })

  await migrate({ databaseUrl: url })

  expect(await readChanges(client)).toEqual([{ sessions: 100, isOwn: false }])
  const { rows } = await client.query(
    'SELECT source, history, count(*)::integer AS count FROM vss.deliveries GROUP BY 1, 2',
  )
  expect(rows).toEqual([{ source: 'webhook', history: null, count: 100 }])
})

test('the planner knows after a migration how rare a number is', async () => {
  const { url, client } = await earlierDatabase({ sessions: 100 })

  await migrate({ databaseUrl: url })

  const { rows } = await client.query<{ known: number }>(
    `SELECT count(*)::integer AS known FROM pg_stats WHERE tablename = 'call_legs_number_backwards_idx'`,
  )
  expect(rows).toEqual([{ known: 1 }])
})

test('a worker of the release before gives the sessions that it inserts or corrects a change_xid', async () => {
  const { url, client } = await earlierDatabase({ sessions: 100 })
  await migrate({ databaseUrl: url })

  await writeAsEarlier(client, sessionId)
  await writeAsEarlier(client, 'ffffffff-0000-4000-8000-000000000000')

  expect(await readChanges(client)).toEqual([
    { sessions: 99, isOwn: false },
    { sessions: 1, isOwn: true },
    { sessions: 1, isOwn: true },
  ])
})

test('a session keeps its change_xid when an update leaves its revision alone', async () => {
  const { url, client } = await earlierDatabase({ sessions: 1 })
  await migrate({ databaseUrl: url })

  await client.query('UPDATE vss.sessions SET received_at = now(), delivery_id = gen_random_uuid()')

  expect(await readChanges(client)).toEqual([{ sessions: 1, isOwn: false }])
})

test('a migration that waits for a reader gives up after 2 s, and runs later', async () => {
  const { url, client } = await earlierDatabase({ sessions: 10 })
  const reader = await connect(url)
  await reader.query('BEGIN')
  await reader.query('SELECT count(*) FROM vss.sessions')
  const startedAt = performance.now()

  await expect(migrate({ databaseUrl: url })).rejects.toMatchObject({
    code: 'database_busy',
    message:
      'a migration waited 2 s for a table that another connection holds: run migrate again (SQLSTATE 55P03)',
  })

  expect(performance.now() - startedAt).toBeLessThan(3_000)
  await writeAsEarlier(client, sessionId)
  await reader.query('ROLLBACK')
  expect(await migrate({ databaseUrl: url })).toContain('0005_session_changes')
})

test('bodies that the release before wrote, also beside the migration, are read where they are', async () => {
  const { url, client } = await earlierDatabase({ sessions: 1 })
  await client.query(`UPDATE vss.deliveries SET outcome = 'rejected', reasons = '[{}]'`)
  await migrate({ databaseUrl: url })
  await writeAsEarlier(client, sessionId)
  const pool = openPool(url)
  const writer = createWriter({ pool, pipelineVersion: 'test' })
  const entry = rejectedDelivery()
  await writer.write([entry])

  const rejected = await client.query('SELECT body_text FROM vss.rejected ORDER BY received_at')
  expect(rejected.rows).toEqual([
    { body_text: expect.stringMatching(/^[0-9a-f]{320}$/) },
    { body_text: String(entry.body) },
  ])
  const selection = { until: new Date(Date.now() + 60_000) }
  const ledger = await selectLedger(client, { selection, after: null, limit: 10 })
  expect(ledger.map(({ body }) => String(body))).toEqual([
    rejected.rows[0].body_text,
    'its body',
    String(entry.body),
  ])
  expect(await readBody(pool, entry.deliveryId)).toEqual(entry.body)
})

/** A database with the tables of migrations 1 to 4, and a connection to it. */
async function earlierDatabase(options: { sessions: number }): Promise<{ url: string; client: pg.Client }> {
  const database = await createEmptyDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const client = await connect(database.url)
  await migrateToEarlier(client, 4)
  await fillEarlier(client, options.sessions)
  return { url: database.url, client }
}

/** Each change, oldest first: its sessions, and whether the transaction that wrote a session wrote its change_xid. */
async function readChanges(client: pg.Client): Promise<{ sessions: number; isOwn: boolean }[]> {
  const { rows } = await client.query<{ sessions: number; isOwn: boolean }>(
    `SELECT count(*)::integer AS sessions, bool_and(change_xid::xid = xmin) AS "isOwn"
     FROM vss.sessions GROUP BY change_xid ORDER BY change_xid`,
  )
  return rows
}
