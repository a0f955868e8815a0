import { readFileSync } from 'node:fs'
import type { BenchServers } from './servers.ts'

/** Amounts that were written to disk. A figure that neither server nor system tells is missing. */
export type Written = Readonly<Record<string, number>>

/**
 * Reads the amounts that the servers have written since they began.
 *
 * Postgres counts the syncs of a connection at the latest when it ends, so call this after the contestant has stopped.
 */
export async function readWritten(servers: BenchServers): Promise<Written> {
  return { ...(await readWal(servers)), ...(await readAppendOnlyFile(servers)) }
}

/** @returns the amounts that were written between two readings, divided by `events`. */
export function writtenPerEvent(before: Written, after: Written, events: number): Written {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, (value - (before[name] ?? 0)) / events]),
  )
}

/** @returns the bytes of each table and index of the events. Partitions are summed up, and so are their indexes. */
export async function sizesOf({ db }: BenchServers): Promise<Map<string, number>> {
  const { rows } = await db.query<{ name: string; bytes: number }>(
    `SELECT root.relname AS name, sum(pg_relation_size(part.oid))::float8 AS bytes
     FROM pg_class AS part JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(part.oid), part.oid)
     WHERE part.relnamespace = 'vss'::regnamespace AND root.relname ~ '^(sessions|call_legs|deliveries|bodies)'
     GROUP BY root.relname ORDER BY bytes DESC`,
  )
  return new Map(rows.map(({ name, bytes }) => [name, bytes]))
}

async function readWal({ db }: BenchServers): Promise<Written> {
  const { rows: versions } = await db.query<{ hasIo: boolean }>(
    `SELECT current_setting('server_version_num')::int >= 180000 AS "hasIo"`,
  )
  // Postgres 18 has moved the count to another view.
  const syncs = versions[0]!.hasIo
    ? `(SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')`
    : '(SELECT wal_sync FROM pg_stat_wal)'
  const { rows } = await db.query<{ bytes: number; syncs: number }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes, ${syncs}::float8 AS syncs`,
  )
  return { 'WAL bytes': rows[0]!.bytes, 'WAL syncs': rows[0]!.syncs }
}

/**
 * Redis counts the bytes of the file, but not the writes to it, each of which ends in an fsync. Linux counts all writes
 * of the process in /proc/PID/io, and Redis counts its writes to clients: the difference is the writes to the file.
 */
async function readAppendOnlyFile({ redis, pids }: BenchServers): Promise<Written> {
  const info = await redis.info('everything')
  const told = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN)
  const written = { 'AOF bytes': told('aof_current_size') }
  const allWrites = readWrites(pids.Redis[0]!)
  if (allWrites === undefined) return written
  return { ...written, 'AOF writes': allWrites - told('total_writes_processed') }
}

function readWrites(pid: number): number | undefined {
  try {
    return Number(/^syscw: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1])
  } catch {
    return undefined
  }
}
