import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { Command } from 'ioredis'
import { openRedisNodes, type RedisNode, type RedisTls } from './redis-node.ts'

/** A Redis Cluster whose nodes a test may stop, kill and freeze. */
export interface RedisCluster {
  /** The value of REDIS_URL. */
  readonly url: string
  /** All nodes have this one. */
  readonly password: string
  /** The primaries of the start first, then their replicas, then the nodes that were added. */
  readonly nodes: readonly RedisNode[]
  /** The node that has the slot of a key now. @throws an Error while there is none */
  primaryOf(key: string): Promise<RedisNode>
  /** The replicas that a primary has now. */
  replicasOf(primary: RedisNode): Promise<RedisNode[]>
  /** Starts a primary that has no slots, and makes it part of the cluster. */
  addPrimary(): Promise<RedisNode>
  /** Moves so many slots from one primary to another, with their keys, while clients go on. */
  moveSlots(options: { from: RedisNode; to: RedisNode; slots: number }): Promise<void>
  /** Stops all nodes, and removes their data. */
  stop(): Promise<void>
}

/** A primary that is silent for this long counts as away. The default of Redis is 15 s. */
const nodeTimeoutMs = 2_000

const run = promisify(execFile)

/** Starts a cluster of `primaries` primaries, three by default, with `replicas` replicas each, one by default. */
export async function startRedisCluster(
  options: { primaries?: number; replicas?: number; configuration?: readonly string[]; tls?: RedisTls } = {},
): Promise<RedisCluster> {
  const { primaries = 3, replicas = 1, configuration = [], tls } = options
  const all = await openRedisNodes(tls)
  const { password } = all
  const nodes: RedisNode[] = []

  async function start(): Promise<RedisNode> {
    const node = await all.start({
      configuration: [
        'cluster-enabled yes',
        // By default it is 10,000 above the node's own port, which may be beyond the last port.
        `cluster-port ${await choosePort(0)}`,
        `cluster-node-timeout ${nodeTimeoutMs}`,
        'cluster-require-full-coverage no',
        'repl-diskless-sync-delay 0',
        ...configuration,
      ],
    })
    nodes.push(node)
    return node
  }
  async function redisCli(...args: string[]): Promise<void> {
    const trust = tls === undefined ? [] : ['--tls', '--cacert', tls.authority.certFile]
    await run('redis-cli', [...trust, ...args], { env: { ...process.env, REDISCLI_AUTH: password } })
  }
  async function idOf(node: RedisNode): Promise<string> {
    return (await node.client.cluster('MYID')) as string
  }
  function nodeAt(port: number): RedisNode {
    const node = nodes.find((one) => one.port === port)
    if (node === undefined) throw new Error(`no node has the port ${port}`)
    return node
  }

  try {
    for (let count = 0; count < primaries * (1 + replicas); count++) await start()
    await redisCli(
      ...['--cluster', 'create', ...nodes.map(({ name }) => name)],
      ...['--cluster-replicas', String(replicas), '--cluster-yes'],
    )
    const isSound = async () => {
      const states = await Promise.all(nodes.map(({ client }) => client.cluster('INFO') as Promise<string>))
      const links = await Promise.all(nodes.slice(primaries).map(({ client }) => client.info('replication')))
      return (
        states.every((state) => state.includes('cluster_state:ok')) &&
        links.every((link) => link.includes('master_link_status:up'))
      )
    }
    await until('A Redis Cluster', isSound, { timeoutMs: 30_000 })
  } catch (error) {
    await all.stop()
    throw error
  }

  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}+cluster://:${encodeURIComponent(password)}@${nodes.map(({ name }) => name).join(',')}`,
    password,
    nodes,
    async primaryOf(key) {
      const slot = Number(new Command('exists', [key]).getSlot())
      // One that was killed may not answer.
      const ranges = await Promise.any(nodes.map(({ client }) => client.cluster('SLOTS')))
      const range = ranges.find(([first, last]) => first <= slot && slot <= last)
      const [, , address] = range ?? []
      if (address === undefined) throw new Error(`no node has the slot of ${key}`)
      return nodeAt(address[1])
    },
    async replicasOf(primary) {
      const lines = ((await primary.client.cluster('NODES')) as string).trim().split('\n')
      const id = await idOf(primary)
      const replicas = lines.filter((line) => line.split(' ')[3] === id && !line.includes('fail'))
      return replicas.map((line) => nodeAt(Number(/:(\d+)@/.exec(line)![1])))
    },
    async addPrimary() {
      const node = await start()
      await redisCli('--cluster', 'add-node', node.name, nodes[0]!.name)
      const isKnown = async () =>
        (await Promise.all(nodes.map(({ client }) => client.cluster('NODES') as Promise<string>))).every(
          (known) => known.includes(` ${node.name}@`),
        )
      await until('A new node that all others know', isKnown, { timeoutMs: 20_000 })
      return node
    },
    async moveSlots({ from, to, slots }) {
      await redisCli(
        ...['--cluster', 'reshard', to.name, '--cluster-slots', String(slots), '--cluster-yes'],
        ...['--cluster-from', await idOf(from), '--cluster-to', await idOf(to)],
      )
    },
    stop: () => all.stop(),
  }
}
