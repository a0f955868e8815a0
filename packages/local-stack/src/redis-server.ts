import { canInstallWithApt, installRedisWithApt } from './apt.ts'
import { LocalStackError } from './errors.ts'
import { findOnPath } from './path-search.ts'

/** The path of redis-server or valkey-server, whichever the PATH has; undefined when it has neither. */
export function findRedisServer(): string | undefined {
  return findOnPath('redis-server', 'valkey-server')
}

/**
 * Finds a Redis server, installing Debian's when there is none and we may and can: as root.
 *
 * @param options.mayInstall whether it may be installed at all.
 * @throws LocalStackError that tells what to do instead.
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
