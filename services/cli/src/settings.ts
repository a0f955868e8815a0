import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readSetting, requireVariable, settings } from '@vss-pipeline/runtime'
import { Option } from 'commander'

/** Options of a command that name the servers. The environment has those that are not given. */
export interface SettingsOptions {
  databaseUrl?: string
  redisUrl?: string
  queuePrefix?: string
}

/** A server, and the origin of its URL: the thing to change when it is the wrong one. */
export interface ServerSetting {
  /** It may hold a password, so it is never shown. */
  url: string
  origin: string
}

const projectRoot = resolve(import.meta.dirname, '..', '..', '..')

export const databaseUrlOption = () =>
  new Option('--database-url <url>', 'Postgres; a password is safer in DATABASE_URL')
export const redisUrlOption = () => new Option('--redis-url <url>', 'Redis; a password is safer in REDIS_URL')
export const queuePrefixOption = () =>
  new Option(
    '--queue-prefix <prefix>',
    `of the keys in Redis (default: QUEUE_PREFIX, else ${settings.QUEUE_PREFIX.default})`,
  )

/** @throws ConfigError */
export function readDatabaseSetting(options: SettingsOptions, env: NodeJS.ProcessEnv): ServerSetting {
  return readServerSetting(env, {
    option: ['--database-url', options.databaseUrl],
    variable: 'DATABASE_URL',
    localFile: 'database-url',
  })
}

/** The database without a pooler between, for work that needs a session of its own. @throws ConfigError */
export function readDirectDatabaseSetting(options: SettingsOptions, env: NodeJS.ProcessEnv): ServerSetting {
  return readOtherAddress('DATABASE_DIRECT_URL', options, env)
}

/** The replica, where there is one, for work that only reads. @throws ConfigError */
export function readReplicaSetting(options: SettingsOptions, env: NodeJS.ProcessEnv): ServerSetting {
  return readOtherAddress('READ_DATABASE_URL', options, env)
}

/** Reads another address of the database. Where it is not set, or an option names the database, it is as usual. */
function readOtherAddress(
  variable: 'DATABASE_DIRECT_URL' | 'READ_DATABASE_URL',
  options: SettingsOptions,
  env: NodeJS.ProcessEnv,
): ServerSetting {
  const url = options.databaseUrl === undefined ? readSetting(env, 'vss', variable) : undefined
  return url === undefined ? readDatabaseSetting(options, env) : { url, origin: variable }
}

/** @throws ConfigError */
export function readRedisSetting(options: SettingsOptions, env: NodeJS.ProcessEnv): ServerSetting {
  return readServerSetting(env, {
    option: ['--redis-url', options.redisUrl],
    variable: 'REDIS_URL',
    localFile: 'redis-url',
  })
}

/** @throws ConfigError */
export function readQueuePrefix(options: SettingsOptions, env: NodeJS.ProcessEnv): string {
  return options.queuePrefix ?? readSetting(env, 'vss', 'QUEUE_PREFIX')
}

/** Reads the option, else the variable or its file, else the file in which `npm start` keeps the URL of its server. */
function readServerSetting(
  env: NodeJS.ProcessEnv,
  setting: {
    option: [name: string, value: string | undefined]
    variable: 'DATABASE_URL' | 'REDIS_URL'
    localFile: string
  },
): ServerSetting {
  const { option, variable, localFile } = setting
  const { kind } = settings[variable]
  const [optionName, optionValue] = option
  if (optionValue !== undefined) {
    return { url: requireVariable({ [optionName]: optionValue }, optionName, kind), origin: optionName }
  }
  const file = join(resolve(projectRoot, readSetting(env, 'vss', 'DATA_DIR')), localFile)
  const isSet = Boolean(env[variable] || env[`${variable}_FILE`])
  if (isSet || !existsSync(file)) {
    return { url: requireVariable(env, variable, kind), origin: variable }
  }
  const url = requireVariable({ [`${variable}_FILE`]: file }, variable, kind)
  return { url, origin: 'the local stack; is `npm start` running?' }
}

/** A server's URL to show: without user name, password and query. It may have several hosts. */
export function displayServer(url: string): string {
  const [, protocol, hosts, path = ''] = /^([a-z+]+:\/\/)(?:[^/?#]*@)?([^/?#]*)([^?#]*)/i.exec(url) ?? []
  return protocol === undefined ? 'the server' : `${protocol}${hosts}${path}`
}
