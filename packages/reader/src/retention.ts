import { type Pool, type RetentionDays, type RetentionKind, retentionKinds } from '@vss-pipeline/storage'
import type { ClientBase } from 'pg'
import { readSnapshot } from './read.ts'

/** The state of the retention of one kind of rows. There is none of a kind for which no worker has had a setting. */
export interface Retention {
  kind: RetentionKind
  /** Null: a worker has had a setting once, and has none now. */
  days: number | null
  /** Rows received before have gone, or go now. */
  keptFrom: Date
  /** Whether all of them have gone. */
  isSwept: boolean
  /** The receipt of the oldest row as of the last sweep; null without one. */
  oldestAt: Date | null
  /** The partition that could not be dropped, such as `bodies_2026_03_01`; null when none sticks. */
  stuckPartition: string | null
  /** Null when none sticks. */
  stuckSeconds: number | null
}

/** Reads how long rows are kept, and how far retention is. @throws StorageFault */
export async function readRetention(pool: Pool): Promise<Retention[]> {
  return await readSnapshot(pool, selectRetention)
}

/** Does what {@link readRetention} does, in the caller's transaction. */
export async function selectRetention(client: ClientBase): Promise<Retention[]> {
  const { rows } = await client.query<Retention>(
    `SELECT kind, days, kept_from AS "keptFrom", swept_until >= kept_from AS "isSwept", oldest_at AS "oldestAt",
       stuck_partition AS "stuckPartition",
       extract(epoch FROM now() - stuck_since)::double precision AS "stuckSeconds"
     FROM vss.retention ORDER BY kind`,
  )
  return rows
}

/**
 * Reads for how many days rows are kept at least, whatever a worker is set to; undefined where the owner of the schema has
 * said nothing, which is a day.
 *
 * @throws StorageFault
 */
export async function readRetentionFloor(pool: Pool): Promise<RetentionDays> {
  return await readSnapshot(pool, selectRetentionFloor)
}

async function selectRetentionFloor(client: ClientBase): Promise<RetentionDays> {
  const { rows } = await client.query<{ kind: RetentionKind; days: number }>(
    'SELECT kind, days FROM vss.retention_floor',
  )
  const { bodies, deliveries, sessions } = Object.fromEntries(rows.map(({ kind, days }) => [kind, days]))
  // A body without its row of the ledger could not be found.
  return { bodies, deliveries: longest(bodies, deliveries), sessions }
}

function longest(...days: readonly (number | undefined)[]): number | undefined {
  const given = days.filter((some) => some !== undefined)
  return given.length === 0 ? undefined : Math.max(...given)
}

/** Rows of one kind that go when so many days are kept. */
export interface Expired {
  kind: RetentionKind
  /** As many as were asked for, or as the floor says where that is more; null: nothing goes. */
  days: number | null
  /** Rows received before go; null when nothing goes. */
  keptFrom: Date | null
  /** The receipt of the oldest row that there is; null without one. */
  oldestAt: Date | null
  /** The partitions that go as a whole, the oldest first, with their size. */
  partitions: { name: string; bytes: number }[]
  /** The rows that go besides. */
  rows: number
}

/**
 * Finds what goes when rows are kept for so many days, and for as many as the floor says. It counts rows one by one, so a large table takes its time.
 *
 * @throws StorageFault
 */
export async function readExpired(pool: Pool, days: RetentionDays): Promise<Expired[]> {
  return await readSnapshot(pool, async (client) => {
    const floor = await selectRetentionFloor(client)
    const kept = (kind: RetentionKind) => days[kind] && longest(days[kind], floor[kind])
    const from = (kind: RetentionKind) => dayBefore(kept(kind))
    const { rows: partitions } = await client.query<{ kind: RetentionKind; name: string; bytes: string }>(
      'SELECT kind, name, bytes FROM vss.expired_partitions($1, $2)',
      [from('bodies'), from('deliveries')],
    )
    const expired: Expired[] = []
    for (const kind of retentionKinds) {
      const { rows } = await client.query<{ oldestAt: Date | null; rows: string }>(countExpired[kind], [
        from(kind),
      ])
      expired.push({
        kind,
        days: kept(kind) ?? null,
        keptFrom: from(kind),
        oldestAt: rows[0]!.oldestAt,
        partitions: partitions
          .filter((partition) => partition.kind === kind)
          .map(({ name, bytes }) => ({ name, bytes: Number(bytes) })),
        rows: Number(rows[0]!.rows),
      })
    }
    return expired
  })
}

/** Midnight in UTC so many days ago. */
function dayBefore(days: number | undefined): Date | null {
  if (days === undefined) return null
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - days))
}

const countExpired: Record<RetentionKind, string> = {
  bodies: `SELECT (SELECT min(received_at) FROM vss.bodies) AS "oldestAt",
    (SELECT count(*) FROM vss.bodies WHERE received_at < $1 AND tableoid = 'vss.bodies_default'::regclass) AS rows`,
  deliveries: `SELECT (SELECT min(received_at) FROM vss.deliveries) AS "oldestAt",
    (SELECT count(*) FROM vss.deliveries WHERE received_at < $1
       AND (received_at >= date_trunc('month', $1::timestamptz, 'UTC') OR tableoid = 'vss.deliveries_default'::regclass)) AS rows`,
  sessions: `SELECT (SELECT min(received_at) FROM vss.sessions) AS "oldestAt",
    (SELECT count(*) FROM vss.sessions WHERE received_at < $1) AS rows`,
}
