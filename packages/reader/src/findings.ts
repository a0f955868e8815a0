import type { QueueStatus } from '@vss-pipeline/queue'
import type { FeedState } from './feed.ts'

/** Something that an operator should know, and what to do about it. */
export interface Finding {
  readonly code: FindingCode
  /** `error`: deliveries wait until somebody acts. `warning`: the pipeline works, but not as well as it could. */
  readonly level: 'warning' | 'error'
  /** One sentence without a full stop. It holds no phone number. */
  readonly text: string
  readonly remedy: string
}

/** The known facts about the pipeline. A part that could not be read is absent. */
export interface Facts {
  readonly queue?: QueueStatus
  /** The reasons why a crash of Redis may lose acknowledged deliveries, one sentence each. */
  readonly durabilityProblems?: readonly string[]
  readonly feed?: FeedState
}

export type FindingCode = (typeof checks)[number]['code']

/** A pipeline that keeps up never takes this long. */
const lateAfterSeconds = 60

/** A worker's transaction ends within a second, and a long one of another program within several. */
const feedStall = { warningAfterSeconds: 10, errorAfterSeconds: 60 }

const feedRemedy =
  'whoever runs that program must end its transaction: docs/consuming.md, "When no changes come"'

/** Each kind of finding, once. A new kind is a new entry. */
const checks = [
  {
    code: 'batches_failed',
    level: 'error',
    remedy:
      'their jobs are kept, and their deliveries are in the ledger as rejected: docs/operating.md, "Health"',
    find: ({ queue }) =>
      queue && queue.jobs.failed > 0
        ? [`${counted(queue.jobs.failed, 'batch', 'batches')} could not be read back`]
        : [],
  },
  {
    code: 'batches_delayed',
    level: 'warning',
    remedy: "they come again by themselves; the workers' log says which fault it was",
    find: ({ queue }) =>
      queue && queue.jobs.delayed > 0
        ? [`${counted(queue.jobs.delayed, 'batch', 'batches')} met a fault and will be tried again`]
        : [],
  },
  {
    code: 'queue_late',
    level: 'warning',
    remedy: 'start workers, or add some: docs/scaling.md',
    find: ({ queue }) =>
      queue && queue.oldestWaitingSeconds > lateAfterSeconds
        ? [`a delivery has waited for ${Math.round(queue.oldestWaitingSeconds)} s`]
        : [],
  },
  {
    code: 'redis_not_durable',
    level: 'warning',
    remedy: 'docs/deploying.md, "Managed Redis", has the settings that it needs',
    find: ({ durabilityProblems = [] }) => durabilityProblems,
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
] as const satisfies readonly {
  code: string
  level: Finding['level']
  remedy: string
  /** @returns a text for each finding of this kind. */
  find: (facts: Facts) => readonly string[]
}[]

/** Finds all that these facts tell an operator, errors first. */
export function findAll(facts: Facts): Finding[] {
  const findings = checks.flatMap(({ code, level, remedy, find }) =>
    find(facts).map((text): Finding => ({ code, level, text, remedy })),
  )
  return findings.sort((one, other) => rank[one.level] - rank[other.level])
}

const rank: Record<Finding['level'], number> = { error: 0, warning: 1 }

/** Names whoever must act. Names are chosen by other programs, and so are quoted. */
function describeStall({ heldSeconds, holder }: FeedState): string {
  const stall = `the change feed has shown no new change for ${Math.floor(heldSeconds)} s`
  if (holder.kind === 'unknown') return `${stall}: the primary of this standby knows why`
  if (holder.kind === 'nobody') return `${stall}: the transaction that it waited for has just ended`
  const subject =
    holder.kind === 'connection'
      ? `connection ${holder.pid} (application ${JSON.stringify(holder.applicationName ?? '')})`
      : `the prepared transaction ${JSON.stringify(holder.preparedName)}`
  const since = holder.since === null ? '' : `, open since ${holder.since}`
  return `${stall}: it waits for ${subject} in database ${JSON.stringify(holder.databaseName ?? '')}${since}`
}

function counted(count: number, singular: string, plural: string): string {
  return `${count} ${count === 1 ? singular : plural}`
}
