import type { QueueAddress } from '@vss-pipeline/queue'
import { readSetting } from '@vss-pipeline/runtime'
import { explainRedis } from '../redis.ts'
import { readQueuePrefix, readRedisSetting, type SettingsOptions } from '../settings.ts'

/**
 * Reads the settings of the queues.
 *
 * @returns a function that does work on them. It throws a CommandFailure when Redis is away.
 * @throws ConfigError
 */
export async function openQueues(
  options: SettingsOptions,
  env: NodeJS.ProcessEnv,
): Promise<<Result>(work: (address: QueueAddress) => Promise<Result>) => Promise<Result>> {
  const redis = readRedisSetting(options, env)
  const prefix = readQueuePrefix(options, env)
  const shards = readSetting(env, 'vss', 'QUEUE_SHARDS')
  const { createLogger } = await import('@vss-pipeline/runtime/service')
  const logger = createLogger({ service: 'cli', level: 'silent' })
  return (work) => explainRedis(redis, () => work({ redisUrl: redis.url, prefix, shards, logger }))
}
