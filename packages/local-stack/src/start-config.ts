import { relative, resolve } from 'node:path'
import { createEnvReader } from '@vss-pipeline/runtime'
import { readDatabaseUrl } from '@vss-pipeline/storage'
import { projectRoot } from './services.ts'

/** What `npm start` itself can be told; the services read the rest of the environment. */
export interface StartConfig {
  /** Everything that is kept: the servers' data, settings and logs. */
  folder: string
  /** A Postgres to use instead of starting one. */
  databaseUrl: string | undefined
  /** A Redis to use instead of starting one. */
  redisUrl: string | undefined
  host: string
  /** Ingest's; 0 is any free one. */
  port: number
  /** The header that a sender must carry; undefined when none is asked for. */
  authHeader: string | undefined
}

/** @throws ConfigError with one line that names the variable, what it got and what it takes. */
export function loadStartConfig(env: NodeJS.ProcessEnv): StartConfig {
  const read = createEnvReader(env)
  const isSet = (name: string) => Boolean(env[name] || env[`${name}_FILE`])
  return {
    folder: resolve(projectRoot, read.text('DATA_DIR', { default: '.data' })),
    databaseUrl: isSet('DATABASE_URL') ? readDatabaseUrl(env) : undefined,
    redisUrl: isSet('REDIS_URL') ? read.url('REDIS_URL', { protocols: ['redis:', 'rediss:'] }) : undefined,
    host: read.text('HOST', { default: '127.0.0.1' }),
    port: read.integer('PORT', { default: 8080, min: 0, max: 65_535 }),
    authHeader:
      read.secrets('WEBHOOK_SECRETS').length > 0
        ? read.text('WEBHOOK_AUTH_HEADER', { default: 'authorization' })
        : undefined,
  }
}

/** A path as a user in the project's folder would type it. */
export function shortPath(path: string): string {
  const short = relative(projectRoot, path)
  return short.startsWith('..') ? path : short
}
