import type { Pool } from '@vss-pipeline/storage'
import type { ConsumerState } from './feed.ts'
import { FeedError } from './feed-error.ts'
import { readSnapshot } from './read.ts'

type Database = Pick<Pool, 'query'>

/** A consumer of the change feed, how far it has come, and its cursor. */
export interface Consumer extends ConsumerState {
  cursor: string
}

/**
 * Finds the cursor behind which a reader begins: the consumer's, where it has one, else that of `from`. A consumer that
 * begins at the present end is made at once, so that it misses nothing when it ends before its first commit.
 *
 * @returns null for the beginning.
 * @throws FeedError when a consumer reads from a standby, where nobody can commit.
 */
export async function findStart(
  database: Database,
  options: { consumer: string | undefined; from: string },
): Promise<string | null> {
  const { consumer, from } = options
  const { rows } = await database.query<{
    committed: string | null
    end: string | null
    isStandby: boolean
  }>(
    `SELECT
       (SELECT cursor FROM vss.consumers WHERE name = $1) AS committed,
       CASE WHEN $2 THEN vss.feed_end() END AS end,
       pg_is_in_recovery() AS "isStandby"`,
    [consumer ?? null, from === 'now'],
  )
  const { committed, end, isStandby } = rows[0]!
  if (consumer !== undefined && isStandby) {
    throw new FeedError(
      'standby',
      'the server is a standby, where a consumer cannot commit: connect to the primary, with this server as its replica (readDatabaseUrl, READ_DATABASE_URL), or read without a consumer',
    )
  }
  if (committed !== null) return committed
  if (from === 'beginning') return null
  if (from !== 'now') return from
  if (consumer !== undefined) await commitCursor(database, consumer, end!)
  return end
}

/** Remembers that the consumer has dealt with every change up to the cursor. */
export async function commitCursor(database: Database, consumer: string, cursor: string): Promise<void> {
  await database.query('SELECT vss.commit($1, $2)', [consumer, cursor])
}

/** Forgets a consumer: when it comes again it begins anew. */
export async function removeConsumer(database: Database, name: string): Promise<void> {
  await database.query('SELECT vss.commit($1, NULL, back => true)', [name])
}

/** Reads the consumers, by name. @throws StorageFault */
export async function readConsumers(pool: Pool): Promise<Consumer[]> {
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<Omit<Consumer, 'committedAt'> & { committedAt: Date }>(
      `SELECT name, state, extract(epoch FROM lag)::double precision AS "lagSeconds", committed_at AS "committedAt",
         cursor
       FROM vss.consumer_lag ORDER BY name COLLATE "C"`,
    ),
  )
  return rows.map((row) => ({ ...row, committedAt: row.committedAt.toISOString() }))
}

/** The effect that a restart of the feed would have. */
export interface RestartPlan {
  /** So many come once more. */
  sessions: number
  /** The number is counted; else it is Postgres' estimate. */
  isExact: boolean
  /** The names of the consumers whose cursors will be refused. */
  consumers: string[]
}

/** More are not counted, because that would take long. */
const mostCounted = 100_000

/** Reads the effect that a restart of the feed would have. @throws StorageFault */
export async function readRestartPlan(pool: Pool): Promise<RestartPlan> {
  const { rows } = await readSnapshot(pool, (client) =>
    client.query<{ counted: number; estimated: number; consumers: string[] }>(
      `SELECT
         (SELECT count(*) FROM (SELECT FROM vss.sessions LIMIT $1) AS first)::integer AS counted,
         (SELECT reltuples FROM pg_class WHERE oid = 'vss.sessions'::regclass)::double precision AS estimated,
         array(SELECT name FROM vss.consumers ORDER BY name COLLATE "C") AS consumers`,
      [mostCounted + 1],
    ),
  )
  const { counted, estimated, consumers } = rows[0]!
  const isExact = counted <= mostCounted
  return { sessions: isExact ? counted : Math.max(counted, Math.round(estimated)), isExact, consumers }
}
