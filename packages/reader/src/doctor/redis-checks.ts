import type { RedisCheckup } from '@vss-pipeline/queue'
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
    find: ({ isFileFailing }) =>
      isFileFailing ? ['Redis could not write its append-only file, which keeps the deliveries'] : [],
  },
  {
    code: 'redis_is_replica',
    level: 'error',
    remedy: 'set REDIS_URL to an address that follows the primary',
    find: ({ isReplica }) => (isReplica ? ['this Redis is a replica, and takes no deliveries'] : []),
  },
  {
    code: 'redis_without_limit',
    level: 'warning',
    remedy: 'set maxmemory to what the machine can spare: docs/deploying.md, "Sizing"',
    find: ({ redis }) =>
      redis.maxBytes === null
        ? ['Redis has no maxmemory: while Postgres is away it may take all memory, and be killed']
        : [],
  },
  {
    code: 'replicas_missing',
    level: 'error',
    remedy: 'connect replicas, or lower REDIS_WAIT_REPLICAS: until then POSTs are spooled or refused',
    find({ replicas, processes }) {
      const wanted = processes.running.map((process) =>
        process.service === 'ingest' ? process.waitReplicas : 0,
      )
      const most = Math.max(0, ...wanted)
      return most > replicas
        ? [
            `ingest waits for ${displayCountOf(most, 'replica', 'replicas')} to have a delivery, and Redis has ${replicas}`,
          ]
        : []
    },
  },
] as const satisfies readonly Check<RedisCheckup>[]
