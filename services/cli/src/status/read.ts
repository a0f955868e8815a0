import type { RedisState } from '@vss-pipeline/queue'
import {
  type DatabaseState,
  type Facts,
  type Finding,
  judge,
  readDatabaseState,
  type Verdict,
} from '@vss-pipeline/reader'
import { withDatabase } from '../database.ts'
import { CommandFailure } from '../failure.ts'
import { explainRedis } from '../redis.ts'
import { problemOf } from '../server-problem.ts'
import { readQueuePrefix, readRedisSetting, readReplicaSetting } from '../settings.ts'
import type { StatusOptions } from '../status.ts'

/** The state of the pipeline, as far as it can be read. */
export interface Status {
  facts: Facts
  verdict: Verdict
  findings: Finding[]
  /** Why a half cannot be read, one line each. */
  problems: string[]
  /** Deliveries are counted since then. */
  since: Date
}

const minuteMs = 60_000
/** Each statement takes milliseconds, and an operator does not wait long for a Postgres that hangs. */
const statementTimeoutMs = 5_000

/** Reads both halves at once. A half that cannot be read is a problem, and no failure. */
export async function readStatus(options: StatusOptions, env: NodeJS.ProcessEnv): Promise<Status> {
  const since = new Date(Math.floor((Date.now() - options.since) / minuteMs) * minuteMs)
  const [redis, database] = await Promise.all([
    valueOrProblem(() => readRedis(options, env)),
    valueOrProblem(() => readDatabase(options, env, since)),
  ])
  const facts: Facts = {
    ...('value' in redis ? redis.value : { redisProblem: problemOf(redis.problem) }),
    ...('value' in database ? database.value : { databaseProblem: problemOf(database.problem) }),
  }
  const problems = [redis, database].flatMap((half) => ('problem' in half ? [half.problem.message] : []))
  return { facts, ...judge(facts), problems, since }
}

async function valueOrProblem<Value>(
  read: () => Promise<Value>,
): Promise<{ value: Value } | { problem: Error }> {
  try {
    return { value: await read() }
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return { problem: error }
  }
}

async function readRedis(options: StatusOptions, env: NodeJS.ProcessEnv): Promise<RedisState> {
  const redis = readRedisSetting(options, env)
  const prefix = readQueuePrefix(options, env)
  const { fetchRedisState } = await import('@vss-pipeline/queue')
  const { createLogger } = await import('@vss-pipeline/runtime/service')
  const logger = createLogger({ service: 'cli', level: 'silent' })
  return await explainRedis(redis, () => fetchRedisState({ redisUrl: redis.url, prefix, logger }))
}

async function readDatabase(
  options: StatusOptions,
  env: NodeJS.ProcessEnv,
  since: Date,
): Promise<DatabaseState> {
  const database = readReplicaSetting(options, env)
  return await withDatabase(database, (pool) => readDatabaseState(pool, since), { statementTimeoutMs })
}
