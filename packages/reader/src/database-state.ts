import {
  type KnownIngest,
  type Pool,
  type ReplicaState,
  readReplicaState,
  readWatermark,
} from '@vss-pipeline/storage'
import type { ClientBase } from 'pg'
import { type FeedState, readFeedState } from './feed.ts'
import { countByOutcome, type OutcomeCounts } from './minutes.ts'
import { readSnapshot } from './read.ts'
import { countRejectReasons, type RejectReasons } from './rejects.ts'
import { type Retention, selectRetention } from './retention.ts'

/** All that Postgres tells about the pipeline. Timestamps are ISO 8601 in UTC with milliseconds. */
export interface DatabaseState {
  readonly outcomes: {
    /** Since the time that was asked for. */
    readonly sinceThen: OutcomeCounts
    readonly lastHour: OutcomeCounts
    readonly lastFiveMinutes: OutcomeCounts
  }
  readonly rejectReasons: {
    /** Since the time that was asked for. */
    readonly sinceThen: RejectReasons
    readonly lastHour: RejectReasons
  }
  /** The receipt of the latest delivery in the ledger since then; null without one. */
  readonly lastRecordedReceipt: string | null
  /** When a session was written last; null without one. */
  readonly lastStoredAt: string | null
  readonly completeUntil: {
    /** Null until an ingest has told how far it is. */
    readonly at: string | null
    readonly reason: string
    /** When a worker looked last; null when none has. */
    readonly updatedAt: string | null
  }
  /** As of their last words, the ingests that may hold deliveries. */
  readonly ingests: readonly KnownIngest[]
  readonly feed: FeedState
  readonly partitions: {
    /** The ledger's, by months. */
    readonly months: number
    /** The name of the latest one, such as `deliveries_2026_03`; null without any. */
    readonly latest: string | null
  }
  /** Of each kind of rows for which a worker has had a setting. */
  readonly retention: readonly Retention[]
  readonly postgres: { readonly version: string }
  /** Null where a primary was read. */
  readonly replica: ReplicaState | null
}

const minuteMs = 60_000

/**
 * Reads the state of the pipeline. It takes milliseconds, however large the ledger is.
 *
 * @param since the beginning of a minute, in the days that `vss.minutes` counts
 * @throws StorageFault
 */
export async function readDatabaseState(pool: Pool, since: Date): Promise<DatabaseState> {
  const feed = await readFeedState(pool)
  return await readSnapshot(pool, async (client) => {
    const { completeUntilMs, reason, updatedAtMs, ingests } = await readWatermark(client)
    return {
      outcomes: {
        sinceThen: await countByOutcome(client, since),
        lastHour: await countByOutcome(client, minutesAgo(60)),
        lastFiveMinutes: await countByOutcome(client, minutesAgo(5)),
      },
      rejectReasons: {
        sinceThen: await countRejectReasons(client, since),
        lastHour: await countRejectReasons(client, minutesAgo(60)),
      },
      retention: await selectRetention(client),
      replica: await readReplicaState(client),
      ...(await readLatest(client, since)),
      completeUntil: { at: toTime(completeUntilMs), reason, updatedAt: toTime(updatedAtMs) },
      ingests,
      feed,
    }
  })
}

/** The beginning of a minute: this one is counted as well. */
function minutesAgo(minutes: number): Date {
  return new Date((Math.floor(Date.now() / minuteMs) - minutes + 1) * minuteMs)
}

function toTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

async function readLatest(
  client: ClientBase,
  since: Date,
): Promise<Pick<DatabaseState, 'lastRecordedReceipt' | 'lastStoredAt' | 'partitions' | 'postgres'>> {
  const { rows } = await client.query<{
    receivedAt: Date | null
    storedAt: Date | null
    months: number
    latest: string | null
    version: string
  }>(
    `SELECT
       (SELECT max(received_at) FROM vss.deliveries WHERE received_at >= $1) AS "receivedAt",
       (SELECT processed_at FROM vss.sessions ORDER BY change_xid DESC, session_id DESC LIMIT 1) AS "storedAt",
       partition.months,
       partition.latest,
       current_setting('server_version') AS version
     FROM (
       SELECT count(*)::integer AS months, max(relname::text COLLATE "C") AS latest
       FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
       WHERE inhparent = 'vss.deliveries'::regclass AND relname ~ '^deliveries_\\d{4}_\\d\\d$'
     ) AS partition`,
    [since.toISOString()],
  )
  const { receivedAt, storedAt, months, latest, version } = rows[0]!
  return {
    lastRecordedReceipt: receivedAt?.toISOString() ?? null,
    lastStoredAt: storedAt?.toISOString() ?? null,
    partitions: { months, latest },
    postgres: { version },
  }
}
