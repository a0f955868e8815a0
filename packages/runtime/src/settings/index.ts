export { ConfigError } from './config-error.ts'
export {
  type DatabaseAddress,
  type DatabaseTls,
  parseDatabaseUrl,
  type SessionAttributes,
} from './database-url.ts'
export { answerArguments } from './help.ts'
export * as kinds from './kinds.ts'
export { secretsInFile } from './kinds.ts'
export { readSetting, readSettings, type SettingsOf } from './read-settings.ts'
export { type HostAndPort, parseRedisUrl, type RedisAddress, redisHosts } from './redis-url.ts'
export { settings } from './table.ts'
export { readVariable, requireVariable } from './variable.ts'
