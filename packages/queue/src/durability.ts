import type { Logger } from '@vss-pipeline/runtime/service'
import type { Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { parseInfo } from './info.ts'
import { askPrimaries, isCluster, nameOf, onPrimaryReady } from './nodes.ts'

const minimumVersion = [6, 2] as const
const settings = ['maxmemory-policy', 'appendfsync', 'no-appendfsync-on-rewrite']

/**
 * Finds settings of Redis by which an acknowledged delivery could be lost, one sentence a problem. In a cluster, the
 * sentence begins with the primary that has the problem. One that does not answer is left out.
 *
 * @throws the error of ioredis where none answers
 */
export async function findDurabilityProblems(client: RedisClient): Promise<string[]> {
  const found = await askPrimaries(client, async (primary) => {
    const problems = await findProblemsOf(primary)
    return isCluster(client) ? problems.map((problem) => `${nameOf(primary)}: ${problem}`) : problems
  })
  return found.flat()
}

/** Servers that forbid CONFIG, as many managed ones do, are judged by INFO alone. */
async function findProblemsOf(node: Redis): Promise<string[]> {
  const info = parseInfo(await node.info())
  const config = await readConfig(node)
  const problems: string[] = []
  const version = info.get('redis_version') ?? ''
  if (isOlder(version)) {
    problems.push(`Redis is version ${version}: ${minimumVersion.join('.')} or newer is needed`)
  }
  const policy = config?.get('maxmemory-policy') ?? info.get('maxmemory_policy')
  if (policy !== 'noeviction') {
    problems.push(`maxmemory-policy is "${policy}": acknowledged deliveries can be evicted; set noeviction`)
  }
  if (info.get('aof_enabled') !== '1') {
    problems.push('appendonly is off: a crash of Redis loses acknowledged deliveries; set appendonly yes')
  } else if (config === undefined) {
    problems.push('appendfsync cannot be read here: make sure that it is "always"')
  } else if (config.get('appendfsync') !== 'always') {
    const fsync = config.get('appendfsync')
    problems.push(`appendfsync is "${fsync}": a crash loses the last deliveries acknowledged; set always`)
  } else if (config.get('no-appendfsync-on-rewrite') === 'yes') {
    problems.push(
      'no-appendfsync-on-rewrite is "yes": a crash during a rewrite loses the deliveries acknowledged since it began; set no',
    )
  }
  return problems
}

/** Logs what {@link findDurabilityProblems} finds as warnings, of each primary when the client connects to it. */
export function warnOfDurabilityProblems(client: RedisClient, logger: Logger): void {
  async function check(primary: Redis): Promise<void> {
    const node = isCluster(client) ? { node: nameOf(primary) } : {}
    try {
      for (const problem of await findProblemsOf(primary)) logger.warn(node, problem)
    } catch (error) {
      logger.debug({ err: error }, 'could not check how Redis is set up')
    }
  }
  onPrimaryReady(client, check)
}

/** Reads the settings that durability depends on; undefined where the server lets nobody read them. */
export async function readConfig(node: Redis): Promise<Map<string, string> | undefined> {
  try {
    const replies = (await Promise.all(settings.map((name) => node.config('GET', name)))) as string[][]
    return new Map(replies.map(([name = '', value = '']) => [name, value]))
  } catch {
    return undefined
  }
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < minimumVersion[0] || (major === minimumVersion[0] && minor < minimumVersion[1])
}
