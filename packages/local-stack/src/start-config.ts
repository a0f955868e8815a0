import { join, relative, resolve } from 'node:path'
import { readSettings } from '@vss-pipeline/runtime'
import { projectRoot } from './services.ts'

/** The settings of `npm start` itself; the services read the rest of the environment. */
export interface StartConfig {
  /** Everything that is kept: the servers' data, settings and logs. */
  folder: string
  /** A Postgres to use instead of starting one. */
  databaseUrl: string | undefined
  /** A Redis to use instead of starting one. */
  redisUrl: string | undefined
  /** Whether a Redis may be installed where there is none. */
  mayInstallRedis: boolean
  host: string
  /** Ingest's; 0 is any free one. */
  port: number
  /** The header that a sender must carry; undefined when none is asked for. */
  authHeader: string | undefined
  /** Ingest's. */
  spoolDir: string
}

/** @throws ConfigError with one line that names the variable, what it got and what it takes. */
export function loadStartConfig(env: NodeJS.ProcessEnv): StartConfig {
  const settings = readSettings(env, 'npm start')
  const folder = resolve(projectRoot, settings.dataDir)
  return {
    folder,
    databaseUrl: settings.databaseUrl,
    redisUrl: settings.redisUrl,
    mayInstallRedis: !settings.vssNoApt,
    host: settings.host,
    port: settings.port,
    authHeader: settings.webhookSecrets.length > 0 ? settings.webhookAuthHeader : undefined,
    spoolDir: settings.spoolDir ?? join(folder, 'spool'),
  }
}

/** A path as a user in the project's folder would type it. */
export function shortPath(path: string): string {
  const short = relative(projectRoot, path)
  return short.startsWith('..') ? path : short
}
