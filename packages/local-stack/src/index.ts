export { claimDataFolder, type DataFolder, stopEverythingIn } from './data-folder.ts'
export { LocalStackError } from './errors.ts'
export type { RunningServer } from './launch-server.ts'
export { findOnPath } from './path-search.ts'
export { type Pipeline, startPipeline } from './pipeline.ts'
export { choosePort } from './ports.ts'
export { type PostgresOptions, startPostgres } from './postgres.ts'
export type { PostgresBinaries } from './postgres-binaries.ts'
export { type RedisOptions, startRedis } from './redis.ts'
export { pingRedis } from './redis-ping.ts'
export { findRedisServer } from './redis-server.ts'
export {
  projectRoot,
  type RunningService,
  type ServiceName,
  type ServiceOptions,
  startService,
} from './services.ts'
export { type Stack, startStack } from './stack.ts'
export { createTemporaryFolder, type TemporaryFolder } from './temporary-folder.ts'
export { until } from './waiting.ts'
