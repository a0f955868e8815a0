import { toStorageFault } from './errors.ts'
import type { Pool } from './pool.ts'

/** How far an ingest is, as of its last word. Times are milliseconds since the Unix epoch. */
export interface KnownIngest {
  /** The id of its spool's folder; without a spool that of its process. */
  readonly id: string
  /** Its host, and its spool's folder there. */
  readonly place: string
  readonly hasSpool: boolean
  /** All that it received before this is in the queue or in the tables. */
  readonly untilMs: number
  /** By the clock of Redis. */
  readonly toldAtMs: number
}

/** The stored watermark, and what it goes by. */
export interface StoredWatermark {
  /** Milliseconds since the Unix epoch; null until an ingest has told how far it is. */
  readonly completeUntilMs: number | null
  readonly reason: string
  /** When a worker looked last; null when none has. */
  readonly updatedAtMs: number | null
  /** Whether it is time to look again. Of several workers, the one that looks first sees it true. */
  readonly isDue: boolean
  /** Whether no worker has had a result for some seconds. */
  readonly isStale: boolean
  /** {@link advanceWatermark} takes it, and does nothing when another worker came first. */
  readonly version: string
  readonly ingests: readonly KnownIngest[]
}

/** The reason of a watermark that waits for workers. */
export const deliveriesWait = 'deliveries wait in the queue'

/** A little less than the interval of the workers' looks, so that one worker alone looks each time. */
const dueAfter = '0.9 s'
const staleAfter = '3 s'

const readStatement = `SELECT
  round(extract(epoch FROM complete_until) * 1000)::double precision AS "completeUntilMs",
  reason,
  CASE WHEN isfinite(updated_at) THEN round(extract(epoch FROM updated_at) * 1000)::double precision END AS "updatedAtMs",
  -- A clock that was set back is no reason to wait.
  updated_at NOT BETWEEN clock_timestamp() - $1::interval AND clock_timestamp() AS "isDue",
  updated_at NOT BETWEEN clock_timestamp() - $2::interval AND clock_timestamp() AS "isStale",
  updated_at::text AS version,
  coalesce((
    SELECT json_agg(json_build_object(
      'id', ingest_id,
      'place', place,
      'hasSpool', has_spool,
      'untilMs', round(extract(epoch FROM ingests.complete_until) * 1000),
      'toldAtMs', round(extract(epoch FROM told_at) * 1000)
    ) ORDER BY ingest_id)
    FROM vss.ingests
  ), '[]') AS ingests
FROM vss.watermark`

// One statement is one transaction, and both tables change or neither does.
const advanceStatement = `WITH advanced AS (
  UPDATE vss.watermark
  SET complete_until = greatest(complete_until, to_timestamp($2::double precision / 1000)),
    reason = $3,
    updated_at = clock_timestamp()
  WHERE updated_at = $1::timestamptz
  RETURNING is_only
), forgotten AS (
  DELETE FROM vss.ingests USING advanced WHERE ingest_id = ANY ($9::text[])
), told AS (
  INSERT INTO vss.ingests (ingest_id, place, has_spool, complete_until, told_at)
  SELECT id, place, has_spool, to_timestamp(until_ms / 1000), to_timestamp(told_at_ms / 1000)
  FROM advanced, unnest($4::text[], $5::text[], $6::boolean[], $7::double precision[], $8::double precision[])
    AS ingest (id, place, has_spool, until_ms, told_at_ms)
  ON CONFLICT (ingest_id) DO UPDATE
  SET place = excluded.place, has_spool = excluded.has_spool,
    complete_until = excluded.complete_until, told_at = excluded.told_at
)
SELECT FROM advanced`

/** Reads the watermark, and the last word of each ingest. @throws StorageFault */
export async function readWatermark(pool: Pick<Pool, 'query'>): Promise<StoredWatermark> {
  try {
    const { rows } = await pool.query<StoredWatermark>(readStatement, [dueAfter, staleAfter])
    return rows[0]!
  } catch (error) {
    throw toStorageFault(error)
  }
}

/**
 * Sets the watermark, which never goes back, and remembers the ingests' words.
 *
 * @param step.version is that of the {@link readWatermark} before everything else was read. A worker that read something before
 *   another one's step must not undo that step.
 * @param step.completeUntilMs null leaves it where it is.
 * @param step.told each ingest that Redis knows. `gone`: ids of those that have nothing any more.
 * @returns whether it did; false when another worker came first.
 * @throws StorageFault
 */
export async function advanceWatermark(
  pool: Pick<Pool, 'query'>,
  step: {
    version: string
    completeUntilMs: number | null
    reason: string
    told: readonly KnownIngest[]
    gone: readonly string[]
  },
): Promise<boolean> {
  const { version, completeUntilMs, reason, told, gone } = step
  try {
    const { rowCount } = await pool.query(advanceStatement, [
      version,
      completeUntilMs,
      reason,
      told.map(({ id }) => id),
      told.map(({ place }) => place),
      told.map(({ hasSpool }) => hasSpool),
      told.map(({ untilMs }) => untilMs),
      told.map(({ toldAtMs }) => toldAtMs),
      gone,
    ])
    return rowCount === 1
  } catch (error) {
    throw toStorageFault(error)
  }
}

/** Forgets the last word of an ingest that will not come back. @returns whether there was one. @throws StorageFault */
export async function forgetIngest(pool: Pick<Pool, 'query'>, id: string): Promise<boolean> {
  try {
    const { rowCount } = await pool.query('DELETE FROM vss.ingests WHERE ingest_id = $1', [id])
    return rowCount === 1
  } catch (error) {
    throw toStorageFault(error)
  }
}
