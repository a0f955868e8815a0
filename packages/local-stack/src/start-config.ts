import { relative, resolve } from 'node:path'
import { createEnvReader } from '@vss-pipeline/runtime'
import { readDatabaseUrl } from '@vss-pipeline/storage'
import { projectRoot } from './services.ts'

/** The settings of `npm start` itself. The services read the rest of the environment. */
export interface StartConfig {
  /** The folder of the servers' data, settings and logs. */
  folder: string
  /** A Postgres to use instead of starting one. */
  databaseUrl: string | undefined
  /** A Redis to use instead of starting one. */
  redisUrl: string | undefined
  host: string
  /** Ingest's port; 0 is any free one. */
  port: number
  /** The header that ingest asks for; undefined when it asks for none. */
  authHeader: string | undefined
}

/** @throws ConfigError with one line that names the variable, its value and the values that it takes. */
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

/** Shortens a path to the form that a user in the project's folder would type. */
export function shortPath(path: string): string {
  const short = relative(projectRoot, path)
  return short.startsWith('..') ? path : short
}
