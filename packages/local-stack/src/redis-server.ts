import { canInstallWithApt, installRedisWithApt } from './apt.ts'
import { LocalStackError } from './errors.ts'
import { findOnPath } from './path-search.ts'

/** Finds the path of redis-server or valkey-server; undefined when the PATH has neither. */
export function findRedisServer(): string | undefined {
  return findOnPath('redis-server', 'valkey-server')
}

/**
 * Finds a Redis server. When there is none, installs Debian's if it may and {@link canInstallWithApt} says that it can.
 *
 * @param options.mayInstall whether it may be installed at all.
 * @throws LocalStackError that tells the user how to get one.
 */
export async function findOrInstallRedisServer(options: {
  mayInstall: boolean
  log: (line: string) => void
}): Promise<string> {
  const found = findRedisServer()
  if (found) return found
  if (!options.mayInstall || !canInstallWithApt()) {
    throw new LocalStackError(
      'There is no redis-server or valkey-server on the PATH. Install one ' +
        '("sudo apt-get install redis-server", "brew install redis"), or set REDIS_URL to a Redis of your own.',
    )
  }
  await installRedisWithApt(options.log)
  const installed = findRedisServer()
  if (!installed) throw new LocalStackError('apt-get installed redis-server, but the PATH does not have it.')
  return installed
}
