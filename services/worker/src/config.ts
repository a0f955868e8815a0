import { createEnvReader } from '@vss-pipeline/runtime'
import { logLevels } from '@vss-pipeline/runtime/service'
import { readDatabaseUrl } from '@vss-pipeline/storage'

/** Everything a worker can be told, from the environment; see the README's table. */
export interface WorkerConfig {
  opsHost: string
  opsPort: number
  databaseUrl: string
  redisUrl: string
  queuePrefix: string
  /** How many queues there are. */
  queueShards: number
  /** Batches in hand at once. */
  concurrency: number
  logLevel: string
  shutdownTimeoutMs: number
}

/** @throws ConfigError with one line that names the variable, what it got and what it takes. */
export function loadConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const read = createEnvReader(env)
  return {
    opsHost: read.text('OPS_HOST', { default: read.text('HOST', { default: '127.0.0.1' }) }),
    opsPort: read.integer('OPS_PORT', { default: 9465, min: 0, max: 65_535 }),
    databaseUrl: readDatabaseUrl(env),
    redisUrl: read.url('REDIS_URL', { protocols: ['redis:', 'rediss:'] }),
    queuePrefix: read.text('QUEUE_PREFIX', { default: '{vss}' }),
    queueShards: read.integer('QUEUE_SHARDS', { default: 1, min: 1, max: 64 }),
    concurrency: read.integer('WORKER_CONCURRENCY', { default: 64, min: 1, max: 1_000 }),
    logLevel: read.text('LOG_LEVEL', { default: 'info', choices: logLevels }),
    shutdownTimeoutMs: read.integer('SHUTDOWN_TIMEOUT_MS', { default: 20_000, min: 100, max: 600_000 }),
  }
}
