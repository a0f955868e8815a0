import type { ProcessReport, RunningProcess } from '@vss-pipeline/queue'
import { lastReceivedAtMs, type OutcomeCounts, sumPosts } from '@vss-pipeline/reader'
import { pipelineVersion } from '@vss-pipeline/runtime'
import type { Status } from './read.ts'

/**
 * The status for programs. A half that cannot be read is null, part by part. Timestamps are ISO 8601 in UTC.
 *
 * - `verdict`: `{level, text, exit}`. `level` is `ok`, `warning` or `error`; `exit` is the exit code.
 * - `findings`: `[{code, level, text, remedy}]`, errors first. `problems`: why a half cannot be read, a line each.
 * - `since`: `ledger`, `rejectReasons` and `lastReceivedAt` are about deliveries received then or later.
 * - `prefix`, `redis`: `{node, version, usedBytes, maxBytes, isNearlyFull, isAppendOnly, appendFsync,
 *   evictionPolicy}`. In a cluster it is the fullest primary, and `node` its address; else `node` is null.
 * - `queue`: batches `{waiting, active, delayed, failed}`, then `deliveries`, `oldestWaitingSeconds`, `waitingSince`
 *   (null when none waits), `isPaused`, and `isPrefixKnown`: whether anything was ever under the prefix.
 * - `processes`: `{running: [...], unreadable, lastWorkerAt}`. Each that runs has `service`, `id`, `place`, `version`,
 *   `startedAt` and `toldAt`. An ingest also has `hasSecret`, `spool` (`{deliveries, bytes, maxBytes, oldestAt,
 *   notEmptySince}` or null), `lastHour` (`{accepted, refused}`) and `lastReceivedAt`; a worker `isDatabaseThere`
 *   (null before its first answer).
 * - `posts`: `{accepted, refused: {code: count}}` of the last hour, over all ingests.
 * - `lastReceivedAt`, `lastStoredAt`.
 * - `ledger`: `{stored, duplicate, superseded, rejected, total}`; `lastHour` and `lastFiveMinutes` have the same.
 * - `rejectReasons`: `{deliveries, counts: [{code, deliveries}]}` of the latest rejected deliveries, at most 1,000.
 * - `completeUntil`: `{at, reason, updatedAt}`. `feed`: see `FeedState`. `partitions`: `{months, latest}` of the ledger.
 * - `replica`: `{behindSeconds}` where rows were read from a replica, else null.
 * - `versions`: `{vss, ingest: [...], worker: [...], console: [...], redis, postgres}`.
 */
export function toJson({ facts, verdict, findings, problems, since }: Status) {
  const { prefix, queue, processes, redis, isPrefixKnown } = facts
  const { outcomes, rejectReasons, lastStoredAt, completeUntil, feed, partitions, postgres, replica } = facts
  return {
    verdict,
    findings,
    problems,
    since: since.toISOString(),
    prefix: prefix ?? null,
    redis: redis ?? null,
    queue: queue
      ? {
          ...queue.jobs,
          deliveries: queue.deliveries,
          oldestWaitingSeconds: queue.oldestWaitingSeconds,
          waitingSince:
            queue.oldestWaitingSeconds === 0 ? null : toTime(Date.now() - 1000 * queue.oldestWaitingSeconds),
          isPaused: queue.isPaused,
          isPrefixKnown,
        }
      : null,
    processes: processes
      ? {
          running: processes.running.map(describeProcess),
          unreadable: processes.unreadable,
          lastWorkerAt: toTime(processes.lastToldAtMs.worker ?? null),
        }
      : null,
    posts: processes ? sumPosts(processes) : null,
    lastReceivedAt: toTime(lastReceivedAtMs(facts)),
    lastStoredAt: lastStoredAt ?? null,
    ledger: outcomes ? withTotal(outcomes.sinceThen) : null,
    lastHour: outcomes ? withTotal(outcomes.lastHour) : null,
    lastFiveMinutes: outcomes ? withTotal(outcomes.lastFiveMinutes) : null,
    rejectReasons: rejectReasons?.sinceThen ?? null,
    completeUntil: completeUntil ?? null,
    feed: feed ?? null,
    partitions: partitions ?? null,
    replica: replica ?? null,
    versions: {
      vss: pipelineVersion,
      ingest: versionsOf(processes?.running, 'ingest'),
      worker: versionsOf(processes?.running, 'worker'),
      console: versionsOf(processes?.running, 'console'),
      redis: redis?.version ?? null,
      postgres: postgres?.version ?? null,
    },
  }
}

/** The releases of a service that run, each once; null where they cannot be known. */
export function versionsOf(
  running: readonly RunningProcess[] | undefined,
  service: ProcessReport['service'],
): string[] | null {
  if (running === undefined) return null
  return [...new Set(running.filter((one) => one.service === service).map(({ version }) => version))].sort()
}

/** Names each member, because a report of another release may have more. */
function describeProcess(process: RunningProcess) {
  const { service, id, place, version } = process
  const common = {
    service,
    id,
    place,
    version,
    startedAt: toTime(process.startedAtMs),
    toldAt: toTime(process.toldAtMs),
  }
  if (process.service === 'worker') return { ...common, isDatabaseThere: process.isDatabaseThere }
  if (process.service === 'console') return common
  const { hasSecret, lastHour, spool } = process
  return {
    ...common,
    hasSecret,
    spool: spool && {
      deliveries: spool.deliveries,
      bytes: spool.bytes,
      maxBytes: spool.maxBytes,
      oldestAt: toTime(spool.oldestMs),
      notEmptySince: toTime(spool.notEmptySinceMs),
    },
    lastHour: { accepted: lastHour.accepted, refused: lastHour.refused },
    lastReceivedAt: toTime(process.lastReceivedAtMs),
  }
}

function withTotal(counts: OutcomeCounts): OutcomeCounts & { total: number } {
  const { stored, duplicate, superseded, rejected } = counts
  return { ...counts, total: stored + duplicate + superseded + rejected }
}

function toTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
