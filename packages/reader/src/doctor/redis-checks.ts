import type { PrimaryCheckup, RedisCheckup } from '@vss-pipeline/queue'
import { displayCountOf } from '@vss-pipeline/runtime'
import type { Check } from '../finding.ts'

/** Faults of Redis and of its settings. */
export const redisChecks = [
  {
    code: 'redis_not_durable',
    level: 'warning',
    remedy: 'docs/deploying.md, "Managed Redis", has the settings that it needs',
    find: ({ durabilityProblems }) => durabilityProblems,
  },
  {
    code: 'redis_file_failing',
    level: 'error',
    remedy: 'make room on its disk, and read its log',
    find: ({ primaries }) =>
      primaries
        .filter(({ isFileFailing }) => isFileFailing)
        .map((one) => `${nameOf(one)} could not write its append-only file, which keeps the deliveries`),
  },
  {
    code: 'redis_is_replica',
    level: 'error',
    remedy: 'set REDIS_URL to an address that follows the primary',
    find: ({ primaries }) =>
      primaries.some(({ isReplica }) => isReplica)
        ? ['this Redis is a replica, and takes no deliveries']
        : [],
  },
  {
    code: 'redis_without_limit',
    level: 'warning',
    remedy: 'set maxmemory to what the machine can spare: docs/deploying.md, "Sizing"',
    find: ({ primaries }) =>
      primaries
        .filter(({ hasMemoryLimit }) => !hasMemoryLimit)
        .map(
          (one) =>
            `${nameOf(one)} has no maxmemory: while Postgres is away it may take all memory, and be killed`,
        ),
  },
  {
    code: 'replicas_missing',
    level: 'error',
    remedy: 'connect replicas, or lower REDIS_WAIT_REPLICAS: until then POSTs are spooled or refused',
    find({ primaries, processes }) {
      const wanted = processes.running.map((process) =>
        process.service === 'ingest' ? process.waitReplicas : 0,
      )
      const most = Math.max(0, ...wanted)
      const wantedText = displayCountOf(most, 'replica', 'replicas')
      return primaries
        .filter(({ replicas }) => replicas < most)
        .map(
          (one) =>
            `ingest waits for ${wantedText} to have a delivery, and ${nameOf(one)} has ${one.replicas}`,
        )
    },
  },
  {
    code: 'redis_needs_all_slots',
    level: 'warning',
    remedy: 'set cluster-require-full-coverage to no on every node',
    find: ({ primaries }) =>
      primaries
        .filter(({ needsAllOthers }) => needsAllOthers)
        .map((one) => `${nameOf(one)} refuses everything while any other primary is away`),
  },
] as const satisfies readonly Check<RedisCheckup>[]

function nameOf({ node }: PrimaryCheckup): string {
  return node === null ? 'Redis' : `the primary ${node} of Redis`
}
