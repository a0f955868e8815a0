import type { QueueAddress } from '@vss-pipeline/queue'
import { CommandFailure } from '../failure.ts'
import { explainRedis } from '../redis.ts'
import { readQueuePrefix, readRedisSetting, type SettingsOptions } from '../settings.ts'
import { displayValue } from '../text.ts'

/** Does work on the queues. It throws a CommandFailure when Redis is away. */
export type OnQueues = <Result>(work: (address: QueueAddress) => Promise<Result>) => Promise<Result>

/**
 * Does what {@link openQueues} does, where there is a queue: under a prefix that is misspelt an operator would pause
 * nothing, and believe that workers have stopped.
 *
 * @throws CommandFailure, ConfigError
 */
export async function openKnownQueues(options: SettingsOptions, env: NodeJS.ProcessEnv): Promise<OnQueues> {
  const onQueues = await openQueues(options, env)
  const { fetchIsPrefixKnown } = await import('@vss-pipeline/queue')
  if (!(await onQueues(fetchIsPrefixKnown))) {
    const prefix = readQueuePrefix(options, env)
    throw new CommandFailure(
      `there is no queue and no process under the prefix ${displayValue(prefix)}: check QUEUE_PREFIX and REDIS_URL: both must be those of ingest and workers`,
    )
  }
  return onQueues
}

/**
 * Reads the settings of the queues.
 *
 * @throws ConfigError
 */
export async function openQueues(options: SettingsOptions, env: NodeJS.ProcessEnv): Promise<OnQueues> {
  const redis = readRedisSetting(options, env)
  const prefix = readQueuePrefix(options, env)
  const { createLogger } = await import('@vss-pipeline/runtime/service')
  const logger = createLogger({ service: 'cli', level: 'silent' })
  return (work) => explainRedis(redis, () => work({ redisUrl: redis.url, prefix, logger }))
}
