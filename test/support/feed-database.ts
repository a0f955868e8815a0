import { join } from 'node:path'
import { createTemporaryFolder, until } from '@vss-pipeline/local-stack'
import { beatFeed, type FeedBeat } from '@vss-pipeline/storage'
import type pg from 'pg'
import { beforeAll, expect, onTestFinished } from 'vitest'
import { connect, createTestDatabase } from './databases.ts'
import { startTestPostgres } from './servers/postgres.ts'

let serverUrl: string

/** Starts a server that only this test file uses: the transactions of other files would hold the feed back. */
export function useOwnServer(): void {
  beforeAll(async () => {
    const folder = await createTemporaryFolder()
    const server = await startTestPostgres(join(folder.path, 'postgres'))
    serverUrl = server.url
    return async () => {
      await server.stop()
      await folder.remove()
    }
  })
}

/** The URL of the server that {@link useOwnServer} started. */
export function ownServerUrl(): string {
  return serverUrl
}

export const [first, second, third] = [1, 2, 3].map(
  (number) => `00000000-0000-4000-8000-00000000000${number}`,
) as [string, string, string]

export interface Change {
  cursor: string
  kind: string
  session_id: string
  revision: number
  changed_at: Date
}

export async function openFeed(): Promise<pg.Client> {
  return (await openFeedWithUrl()).client
}

/** A migrated database of its own, with a feed that nobody holds, and a connection to it. */
export async function openFeedWithUrl(): Promise<{ url: string; client: pg.Client }> {
  const { url, drop } = await createTestDatabase(serverUrl)
  onTestFinished(drop)
  const client = await connect(url)
  // Autovacuum, and the end of a test before, may still be writing.
  await until('A feed that nobody holds', async () => (await readStatus(client)).holder === 'nobody', {
    timeoutMs: 10_000,
  })
  return { url, client }
}

export function sessionIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}

/** Inserts a session in whatever transaction is open. */
export async function insertSession(client: pg.Client, sessionId: string): Promise<void> {
  await client.query(
    `INSERT INTO vss.sessions AS known (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies,
       revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     VALUES ($1, 'account', 'COMPLETED', now(), now(), true, '{}', 1, $1, now(), sha256(''), now(), 'test')`,
    [sessionId],
  )
}

/** Inserts so many sessions in one transaction. */
export async function insertSessions(client: pg.Client, count: number): Promise<void> {
  await client.query(
    `INSERT INTO vss.sessions (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies, revision,
       delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     SELECT gen_random_uuid(), 'account', 'COMPLETED', now(), now(), true, '{}', 1, gen_random_uuid(), now(), sha256(''),
       now(), 'test'
     FROM generate_series(1, $1)`,
    [count],
  )
}

/** Inserts or corrects a session in a transaction of its own. @returns its revision. */
export async function writeSession(client: pg.Client, sessionId: string): Promise<number> {
  const { rows } = await client.query<{ revision: number }>(
    `INSERT INTO vss.sessions AS known (session_id, sub_account_id, status, started_at, ended_at, answered, anomalies,
       revision, delivery_id, received_at, body_sha256, processed_at, pipeline_version)
     VALUES ($1, 'account', 'COMPLETED', now(), now(), true, '{}', 1, $1, now(), sha256(''), now(), 'test')
     ON CONFLICT (session_id) DO UPDATE
     SET revision = known.revision + 1, processed_at = now(), change_xid = pg_current_xact_id()
     RETURNING revision`,
    [sessionId],
  )
  return rows[0]!.revision
}

export async function readChanges(client: pg.Client, after?: string, maxRows = 1000): Promise<Change[]> {
  const { rows } = await client.query<Change>('SELECT * FROM vss.changes($1, $2)', [after ?? null, maxRows])
  return rows
}

export async function readRevisions(client: pg.Client): Promise<[string, number][]> {
  return (await readChanges(client)).map(({ session_id, revision }) => [session_id, revision])
}

export async function commit(client: pg.Client, consumer: string, cursor: string): Promise<void> {
  await client.query('SELECT vss.commit($1, $2)', [consumer, cursor])
}

export async function commitForBilling(client: pg.Client, cursor: string): Promise<void> {
  await commit(client, 'billing', cursor)
}

export async function readStatus(client: pg.Client): Promise<Record<string, unknown>> {
  const { rows } = await client.query(`SELECT *, age > '0' AS "isOld" FROM vss.feed_status`)
  expect(rows).toHaveLength(1)
  return rows[0]!
}

export async function readLag(client: pg.Client) {
  const { rows } = await client.query<{ name: string; cursor: string; state: string; seconds: number }>(
    'SELECT *, extract(epoch FROM lag)::float8 AS seconds FROM vss.consumer_lag ORDER BY name',
  )
  return rows
}

/** The worker's heartbeat, in a transaction of its own. */
export async function beat(client: pg.Client): Promise<FeedBeat> {
  return await beatFeed(client)
}
