import { ConfigError } from '@vss-pipeline/runtime'
import { Cluster, Command, type Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'

/**
 * The nodes behind a client. A single Redis is its own only primary. In a cluster, commands about a node (INFO, CONFIG,
 * WAIT, PING, TIME) have to be sent to that node.
 */

/** The message of an error about a key whose primary is not there. */
export const primaryIsAway = 'the primary of Redis is away'

/** The slot of a key in a Redis Cluster, from 0 to 16383. Keys with the same text in braces share one. */
export function slotOf(key: string): number {
  return Number(new Command('exists', [key]).getSlot())
}

/** All primaries that are known. Some may be away. */
export function primaries(client: RedisClient): readonly Redis[] {
  return client instanceof Cluster ? client.nodes('master') : [client]
}

/**
 * Asks each primary. One that does not answer is left out.
 *
 * @throws the error of the first where none of them answers.
 */
export async function askPrimaries<Answer>(
  client: RedisClient,
  question: (primary: Redis) => Promise<Answer>,
): Promise<[Answer, ...Answer[]]> {
  const asked = await Promise.allSettled(primaries(client).map(question))
  const [first, ...others] = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (first !== undefined) return [first, ...others]
  throw asked.find((one) => one.status === 'rejected')?.reason ?? new Error(primaryIsAway)
}

/**
 * The connection to the primary of a key. It may be about to connect. Undefined where a cluster has lost the primary, and
 * has not told of another one.
 */
export function primaryOf(client: RedisClient, key: string): Redis | undefined {
  if (!(client instanceof Cluster)) return client
  const name = client.slots[slotOf(key)]?.[0]
  return client.nodes('master').find((node) => nameOf(node) === name)
}

/** The address of a node, for people: "10.0.0.5:6379". */
export function nameOf(node: Redis): string {
  return `${node.options.host}:${node.options.port}`
}

/** Whether a command for the key would be sent now. */
export function isReachable(client: RedisClient, key: string): boolean {
  return client.status === 'ready' && primaryOf(client, key)?.status === 'ready'
}

/** Whether there is a connection to each primary. */
export function isWhollyConnected(client: RedisClient): boolean {
  return client.status === 'ready' && primaries(client).every((node) => node.status === 'ready')
}

/** Whether a client is that of a cluster, where all keys of a script must have the same text in braces. */
export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster
}

/**
 * Checks that the keys of a queue would be in one slot of a cluster.
 *
 * @throws ConfigError for a prefix without a part in braces.
 */
export function requireHashTag(client: RedisClient, prefix: string): void {
  if (!isCluster(client) || /^[^{]*\{[^}]+\}/.test(prefix)) return
  throw new ConfigError(
    `QUEUE_PREFIX is ${JSON.stringify(prefix)}: in a Redis Cluster it takes a name with a part in braces, such as {vss}, which keeps the keys of a queue together`,
  )
}

/** The names of the nodes that have slots, as the cluster told last. */
export function namesOfPrimaries(cluster: Cluster): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [primary] of cluster.slots) names.add(primary!)
  return names
}

/** Calls `listener` each time that a connection to a primary is there. */
export function onPrimaryReady(client: RedisClient, listener: (primary: Redis) => void): void {
  onEachNode(client, (node) => {
    node.on('ready', () => {
      // Before a cluster has told of its slots, replicas pass for primaries.
      if (!isCluster(client) || namesOfPrimaries(client).has(nameOf(node))) listener(node)
    })
  })
}

/** Calls `attach` with each node's connection, before it connects. Each one stands for a single connection in a cluster. */
export function onEachNode(client: RedisClient, attach: (node: Redis) => void): void {
  if (!(client instanceof Cluster)) {
    attach(client)
    return
  }
  for (const node of client.nodes()) attach(node)
  client.on('+node', attach)
}

/** Calls `listener` with the reason for which a connection failed. */
export function onConnectionError(
  client: RedisClient,
  listener: (error: NodeJS.ErrnoException) => void,
): void {
  client.on('error', listener)
  if (client instanceof Cluster) client.on('node error', listener)
}

/**
 * Has the commands that `send` gives to the client leave in one write, where they are for the primary of the key. Redis
 * then runs them in one turn, with one fsync, unless they are large. A proxy with Nagle's algorithm does not hold back
 * the second for the 40 ms of a delayed acknowledgement.
 */
export function inOneWrite<Result>(
  client: RedisClient,
  key: string,
  send: () => Promise<Result>,
): Promise<Result> {
  const stream = primaryOf(client, key)?.stream
  if (stream === undefined) return send()
  stream.cork()
  // BullMQ gives its command a few microtasks later. This runs behind all of them.
  queueMicrotask(() => process.nextTick(() => stream.uncork()))
  return send()
}
