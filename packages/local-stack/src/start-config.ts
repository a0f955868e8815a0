import { join, relative, resolve } from 'node:path'
import { readSettings } from '@vss-pipeline/runtime'
import { projectRoot } from './services.ts'

/** The settings of `npm start` itself. The services read the rest of the environment. */
export interface StartConfig {
  /** The folder of the servers' data, settings and logs. */
  folder: string
  /** A Postgres to use instead of starting one. */
  databaseUrl: string | undefined
  /** The same one without a pooler between, where `databaseUrl` has one. */
  databaseDirectUrl: string | undefined
  /** A Redis to use instead of starting one. */
  redisUrl: string | undefined
  /** Whether a missing redis-server may be installed. */
  mayInstallRedis: boolean
  host: string
  /** Ingest's port; 0 is any free one. */
  port: number
  /** The console's port; 0 is any free one. */
  consolePort: number
  /** The header that ingest asks for; undefined when it asks for none. */
  authHeader: string | undefined
  /** The folder of ingest's spool. */
  spoolDir: string
}

/** @throws ConfigError with one line that names the variable, its value and the values that it takes. */
export function loadStartConfig(env: NodeJS.ProcessEnv): StartConfig {
  const settings = readSettings(env, 'npm start')
  const folder = resolve(projectRoot, settings.dataDir)
  return {
    folder,
    databaseUrl: settings.databaseUrl,
    databaseDirectUrl: settings.databaseUrl === undefined ? undefined : settings.databaseDirectUrl,
    redisUrl: settings.redisUrl,
    mayInstallRedis: !settings.vssNoApt,
    host: settings.host,
    port: settings.port,
    consolePort: settings.consolePort,
    authHeader: settings.webhookSecrets.length > 0 ? settings.webhookAuthHeader : undefined,
    spoolDir: settings.spoolDir ?? join(folder, 'spool'),
  }
}

/** Shortens a path to the form that a user in the project's folder would type. */
export function shortPath(path: string): string {
  const short = relative(projectRoot, path)
  return short.startsWith('..') ? path : short
}
