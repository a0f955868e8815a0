import type { RedisState } from '@vss-pipeline/queue'
import { displayBytes, displayCount, displayCountOf, displaySpan } from '@vss-pipeline/runtime'
import type { DatabaseState } from './database-state.ts'
import { describeStall, feedRemedy, feedStall } from './feed-stall.ts'
import { applyChecks, type Check, type Finding, sortFindings } from './finding.ts'
import {
  findFilledSpools,
  findMissingIngest,
  findMissingWorker,
  findWorkersWithoutDatabase,
  isFull,
} from './missing.ts'
import { findRefusedPosts, findUnavailable } from './posts.ts'
import { findLateReplica, replicaRemedy } from './replica-lag.ts'

/** The known facts about the pipeline. A part that could not be read is absent. */
export interface Facts extends Partial<RedisState>, Partial<DatabaseState> {
  /** Why Redis could not be read. */
  readonly redisProblem?: ServerProblem
  /** Why Postgres could not be read. */
  readonly databaseProblem?: ServerProblem
}

/** A server gives no answer, or it answers and cannot be used as it is. */
export type ServerProblem = 'away' | 'unusable'

/** A pipeline that keeps up never takes this long. */
const lateAfterSeconds = 60

/** So many of the last hour, and this share, are no accident. */
const notable = { count: 10, share: 0.05 }

/** A report may hold a table for a while. */
const stuckAfterSeconds = 3_600

/** Each kind of finding, once. A new kind is a new entry. The first of the errors is the verdict. */
const checks = [
  {
    code: 'redis_away',
    level: 'error',
    remedy: 'start Redis, or mend the way to it: docs/runbook.md, "Redis is away"',
    find: ({ redisProblem, ingests }) =>
      redisProblem === 'away' ? [`Redis is away; ${describeSpools(ingests)}`] : [],
  },
  {
    code: 'postgres_away',
    level: 'error',
    remedy: 'start Postgres, or mend the way to it: docs/runbook.md, "Postgres takes no rows"',
    find: ({ databaseProblem, queue }) =>
      databaseProblem === 'away' ? [`Postgres is away; ${describeWaiting(queue)}`] : [],
  },
  {
    code: 'redis_unusable',
    level: 'error',
    remedy:
      'the message says why: REDIS_URL has the password, and QUEUE_PREFIX a name that no other program uses',
    find: ({ redisProblem }) =>
      redisProblem === 'unusable' ? ['Redis answers, and cannot be used as it is'] : [],
  },
  {
    code: 'postgres_unusable',
    level: 'error',
    remedy: 'the message says what it needs',
    find: ({ databaseProblem }) =>
      databaseProblem === 'unusable' ? ['Postgres answers, and cannot be used as it is'] : [],
  },
  {
    code: 'prefix_unknown',
    level: 'error',
    remedy: 'check QUEUE_PREFIX and REDIS_URL: both must be those of ingest and workers; else start these',
    find: ({ prefix, isPrefixKnown }) =>
      isPrefixKnown === false
        ? [`there is no queue and no process under the prefix ${JSON.stringify(prefix)}`]
        : [],
  },
  {
    code: 'redis_full',
    level: 'error',
    remedy: 'give Redis more memory: docs/runbook.md, "Redis is nearly full"',
    find: ({ redis }) =>
      redis && isFull(redis)
        ? [
            `Redis is full, at ${displayBytes(redis.usedBytes)}: it takes nothing, and workers cannot drain it`,
          ]
        : [],
  },
  {
    code: 'no_worker',
    level: 'error',
    remedy: 'start a worker; where one runs, see whether it is frozen or cut off from Redis',
    find: findMissingWorker,
  },
  {
    code: 'posts_unavailable',
    level: 'error',
    remedy:
      'see whether Redis is away, slow or full, and the spool full or missing: docs/runbook.md, "POSTs are not kept"',
    find: ({ processes }) => findUnavailable(processes),
  },
  {
    code: 'posts_refused',
    level: 'error',
    remedy: 'docs/runbook.md, "POSTs are refused"; 8x8 hardly sends again',
    find: ({ processes }) => findRefusedPosts(processes, notable),
  },
  {
    code: 'shard_away',
    level: 'error',
    remedy: 'start its Redis, or a replica of it: docs/scaling.md, "Shards (QUEUE_SHARDS)"',
    find: ({ queue }) =>
      queue && queue.awayShards.length > 0
        ? [`shard ${queue.awayShards.join(', ')} does not answer: its batches wait, and ingest fills others`]
        : [],
  },
  {
    code: 'batches_failed',
    level: 'error',
    remedy: 'update the workers, then vss queue retry-failed: docs/runbook.md, "A batch failed"',
    find: ({ queue }) =>
      queue && queue.jobs.failed > 0
        ? [`${displayCountOf(queue.jobs.failed, 'batch', 'batches')} could not be read back`]
        : [],
  },
  {
    code: 'queue_late',
    level: 'error',
    remedy: "see the workers' log, or add workers: docs/scaling.md",
    find: ({ queue }) =>
      queue && queue.oldestWaitingSeconds > lateAfterSeconds
        ? [`a delivery has waited for ${displaySpan(queue.oldestWaitingSeconds)}`]
        : [],
  },
  {
    code: 'spool_not_empty',
    level: 'error',
    remedy: 'nothing is lost while the spool has room: see whether Redis is full, or away from there',
    find: ({ processes }) => findFilledSpools(processes, lateAfterSeconds),
  },
  {
    code: 'rejects_rise',
    level: 'error',
    remedy: 'vss drift shows how events have changed; the view vss.rejected has the rejected ones',
    find: ({ outcomes, rejectReasons }) => {
      if (outcomes === undefined) return []
      const { rejected, stored, duplicate, superseded } = outcomes.lastHour
      const all = rejected + stored + duplicate + superseded
      if (rejected < notable.count || rejected < notable.share * all) return []
      const [first] = rejectReasons?.lastHour.counts ?? []
      const mostly = first === undefined ? '' : `, mostly as ${first.code}`
      return [
        `${displayCount(rejected)} of ${displayCountOf(all, 'delivery', 'deliveries')} of the last hour were rejected${mostly}`,
      ]
    },
  },
  {
    code: 'feed_refused',
    level: 'error',
    remedy: 'docs/consuming.md, "After a failover, a restore or an upgrade"',
    find: ({ feed }) =>
      feed && feed.refusal !== null
        ? [
            feed.refusal === 'other server'
              ? 'nobody can read the change feed, because its rows are from another server'
              : 'nobody can read the change feed, because no worker has run since a failover or a recovery',
          ]
        : [],
  },
  {
    code: 'feed_stalled',
    level: 'error',
    remedy: feedRemedy,
    find: ({ feed }) =>
      feed && feed.heldSeconds >= feedStall.errorAfterSeconds ? [describeStall(feed)] : [],
  },
  {
    code: 'feed_stalled',
    level: 'warning',
    remedy: feedRemedy,
    find: ({ feed }) =>
      feed &&
      feed.heldSeconds >= feedStall.warningAfterSeconds &&
      feed.heldSeconds < feedStall.errorAfterSeconds
        ? [describeStall(feed)]
        : [],
  },
  {
    code: 'queue_paused',
    level: 'warning',
    remedy: 'vss queue resume',
    find: ({ queue }) => (queue?.isPaused ? ['the queue is paused: workers take nothing from it'] : []),
  },
  {
    code: 'no_ingest',
    level: 'warning',
    remedy: 'start ingest; where one runs, see whether it is frozen or cut off from Redis',
    find: findMissingIngest,
  },
  {
    code: 'worker_cannot_write',
    level: 'warning',
    remedy: "the worker's log says why: Postgres is away from there, not migrated, or refuses its role",
    find: findWorkersWithoutDatabase,
  },
  {
    code: 'redis_nearly_full',
    level: 'warning',
    remedy: 'give Redis more memory, or add workers: docs/runbook.md, "Redis is nearly full"',
    find: ({ redis }) =>
      redis?.isNearlyFull && !isFull(redis)
        ? [`Redis has used ${Math.floor((100 * redis.usedBytes) / redis.maxBytes!)} % of its memory`]
        : [],
  },
  {
    code: 'batches_delayed',
    level: 'warning',
    remedy: "they come again by themselves; the workers' log says which fault it was",
    find: ({ queue }) =>
      queue && queue.jobs.delayed > 0
        ? [`${displayCountOf(queue.jobs.delayed, 'batch', 'batches')} met a fault and will be tried again`]
        : [],
  },
  {
    code: 'replica_behind',
    level: 'warning',
    remedy: replicaRemedy,
    // Without a worker nothing changes that a replica could have.
    find: ({ replica, processes }) =>
      processes?.running.some(({ service }) => service === 'worker') ? findLateReplica(replica) : [],
  },
  {
    code: 'retention_stuck',
    level: 'warning',
    remedy: 'end the transaction that holds its table: docs/operating.md, "Retention"',
    find: ({ retention = [] }) =>
      retention.flatMap(({ stuckPartition, stuckSeconds }) =>
        stuckPartition !== null && stuckSeconds !== null && stuckSeconds > stuckAfterSeconds
          ? [`vss.${stuckPartition} is old, and could not be dropped for ${displaySpan(stuckSeconds)}`]
          : [],
      ),
  },
] as const satisfies readonly Check<Facts>[]

/** Finds all that these facts tell an operator, errors first. */
export function findAll(facts: Facts): Finding[] {
  return sortFindings(applyChecks(checks, facts))
}

/** With Redis away nobody knows how much the spools hold: only which ingests had one at their last word. */
function describeSpools(ingests: DatabaseState['ingests'] | undefined): string {
  if (ingests === undefined) return 'ingests with a spool keep deliveries there'
  const places = ingests.filter(({ hasSpool }) => hasSpool).map(({ place }) => JSON.stringify(place))
  if (places.length === 0) return 'no ingest is known to have a spool, so POSTs are refused'
  const more = places.length > 3 ? ` and ${places.length - 3} more` : ''
  return `deliveries are safe in the spool at ${places.slice(0, 3).join(', ')}${more}, while it has room`
}

function describeWaiting(queue: Facts['queue']): string {
  if (queue === undefined) return 'deliveries wait in Redis'
  if (queue.deliveries === 0) return 'nothing waits yet, and deliveries are safe in Redis'
  return `${displayCountOf(queue.deliveries, 'delivery is', 'deliveries are')} safe in Redis`
}
