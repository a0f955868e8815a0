import { until } from '@vss-pipeline/local-stack'
import { openRedisNodes, type RedisNode, type RedisTls } from './redis-node.ts'

/** A primary with replicas, and the sentinels that watch over them. A test may stop, kill and freeze all of them. */
export interface WatchedRedis {
  /** The value of REDIS_URL. */
  readonly url: string
  /** The primary of the start first, then its replica. */
  readonly nodes: readonly RedisNode[]
  readonly sentinels: readonly RedisNode[]
  /** The primary by the word of the sentinels. */
  primary(): Promise<RedisNode>
  /** Waits until a node follows the primary, and has all its data. */
  untilFollowing(node: RedisNode): Promise<void>
  /** Shuts the sentinels out of a node. Clients and replicas still reach it, as in a network that has come apart. */
  shutOut(node: RedisNode): Promise<void>
  letIn(node: RedisNode): Promise<void>
  /** Stops all of them, and removes their data. */
  stop(): Promise<void>
}

/** A primary that is silent for this long counts as away. The default of Redis is 30 s. */
const downAfterMs = 2_000
const primaryName = 'vss'
/** The user of the sentinels at the nodes. */
const watcher = 'watcher'

/** Starts a primary, a replica and three sentinels. */
export async function startWatchedRedis(options: { tls?: RedisTls } = {}): Promise<WatchedRedis> {
  const { tls } = options
  const all = await openRedisNodes(tls)
  const { password } = all
  const settings = ['repl-diskless-sync-delay 0', `user ${watcher} on >${password} ~* &* +@all`]
  const primary = await all.start({ configuration: settings })
  const replica = await all.start({
    configuration: [...settings, `replicaof 127.0.0.1 ${primary.port}`],
  })
  const nodes = [primary, replica]
  const sentinels: RedisNode[] = []
  for (let count = 0; count < 3; count++) {
    sentinels.push(
      await all.start({
        mode: 'sentinel',
        configuration: [
          `sentinel monitor ${primaryName} 127.0.0.1 ${primary.port} 2`,
          `sentinel auth-user ${primaryName} ${watcher}`,
          `sentinel auth-pass ${primaryName} ${password}`,
          `sentinel sentinel-pass ${password}`,
          `sentinel down-after-milliseconds ${primaryName} ${downAfterMs}`,
          `sentinel failover-timeout ${primaryName} 10000`,
        ],
      }),
    )
  }
  const ask = async (sentinel: RedisNode): Promise<Map<string, string>> => {
    const flat = (await sentinel.client.call('SENTINEL', 'MASTER', primaryName)) as string[]
    return new Map(flat.flatMap((word, at) => (at % 2 === 0 ? [[word, flat[at + 1]!] as const] : [])))
  }
  const isKnown = async () => {
    const states = await Promise.all(sentinels.map(ask))
    return states.every(
      (state) => state.get('num-other-sentinels') === '2' && state.get('num-slaves') === '1',
    )
  }
  async function untilFollowing(node: RedisNode): Promise<void> {
    const isFollowing = async () => {
      const state = await node.client.info('replication')
      return state.includes('role:slave') && state.includes('master_link_status:up')
    }
    await until('A replica in step', isFollowing, { timeoutMs: 60_000 })
  }
  try {
    await untilFollowing(replica)
    // A sentinel whose clock has jumped, or that had no processor for two seconds, does nothing for half a minute.
    await until('Sentinels that know all others', isKnown, { timeoutMs: 70_000 })
  } catch (error) {
    await all.stop()
    throw error
  }
  const word = encodeURIComponent(password)
  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}+sentinel://:${word}@${sentinels.map(({ name }) => name).join(',')}/${primaryName}?sentinelPassword=${word}`,
    nodes,
    sentinels,
    async primary() {
      // One that was killed may not answer.
      const port = Number((await Promise.any(sentinels.map(ask))).get('port'))
      return nodes.find((node) => node.port === port)!
    },
    untilFollowing,
    async shutOut({ client }) {
      await client.call('ACL', 'SETUSER', watcher, 'off')
      await client.call('CLIENT', 'KILL', 'USER', watcher)
    },
    async letIn({ client }) {
      await client.call('ACL', 'SETUSER', watcher, 'on')
    },
    stop: () => all.stop(),
  }
}
