import { setTimeout as delay } from 'node:timers/promises'
import { createBackoff, parseRedisUrl, type RedisAddress, repeatEvery, withinMs } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { isWhollyConnected, primaries } from './nodes.ts'
import { logOutages } from './outage-log.ts'
import { PatientSentinelConnector } from './sentinel-connector.ts'

/**
 * A client of one Redis, of the primary that sentinels name, or of all primaries of a Redis Cluster. A command with a key
 * goes to the primary that has the key. In a cluster, one without a key goes to any primary: `nodes.ts` finds the right one.
 */
export type RedisClient = Redis | Cluster

/** A server that hangs does not answer QUIT, so the wait for it has an end. */
const quitTimeoutMs = 1_000

/**
 * A cluster is asked this often which node has which slot, and more often from the loss of a node on. MOVED tells of a
 * change sooner, but only of slots in use. To read the answer takes some milliseconds of CPU, because it has 16,384 slots.
 */
const slotsRefreshIntervalMs = { calm: 3_000, troubled: 1_000 } as const

const connectionPollMs = 5

const reconnectDelayMs = createBackoff({ firstMs: 100, longestMs: 500 })

/** Options of a connection. In a cluster, each node's connection has them. */
type ConnectionSettings = Pick<
  RedisOptions,
  | 'commandTimeout'
  | 'connectTimeout'
  | 'enableOfflineQueue'
  | 'lazyConnect'
  | 'maxRetriesPerRequest'
  | 'retryStrategy'
  | 'socketTimeout'
>

type OwnOptions = ConnectionSettings & Pick<RedisOptions, 'connectionName' | 'keepAlive'>

/**
 * Opens a client that reconnects by itself. It logs the loss of the connection once, however many attempts follow, and
 * its return once; in a cluster for each primary.
 *
 * @param options.settings With `maxRetriesPerRequest: 0`, a command fails at once while its primary is away.
 */
export function connectRedis(options: {
  redisUrl: string
  role: string
  logger: Logger
  settings: ConnectionSettings
}): RedisClient {
  const { redisUrl, role, logger, settings } = options
  const client = open(parseRedisUrl(redisUrl), {
    connectionName: `vss-${role}`,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: (attempt) => reconnectDelayMs(attempt - 1),
    ...settings,
  })
  logOutages(client, { role, logger })
  return client
}

function open(address: RedisAddress, options: OwnOptions): RedisClient {
  if (address.kind === 'cluster') return openCluster(address, options)
  const redisOptions = {
    ...options,
    // A primary that was demoted answers READONLY. The next connection finds its successor.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  }
  return address.kind === 'server'
    ? new Redis(address.url, redisOptions)
    : openBySentinels(address, redisOptions)
}

function openBySentinels(
  address: Extract<RedisAddress, { kind: 'sentinel' }>,
  options: OwnOptions & Pick<RedisOptions, 'reconnectOnError'>,
): Redis {
  const { sentinels, name, database, tls, username, password, sentinel } = address
  return new Redis({
    ...options,
    sentinels: [...sentinels],
    name,
    db: database,
    username,
    password,
    sentinelUsername: sentinel.username,
    sentinelPassword: sentinel.password,
    ...(tls && { tls: {}, enableTLSForSentinelMode: true, sentinelTLS: {} }),
    // When no sentinel answers, all of them are asked again after this long.
    sentinelRetryStrategy: options.retryStrategy ?? undefined,
    sentinelReconnectStrategy: options.retryStrategy ?? undefined,
    sentinelCommandTimeout: 1_000,
    // A primary that hangs, or that is cut off from the sentinels, keeps its connections. They tell who has taken over.
    failoverDetector: true,
    Connector: PatientSentinelConnector,
  })
}

function openCluster(address: Extract<RedisAddress, { kind: 'cluster' }>, options: OwnOptions): Cluster {
  const { nodes, tls, username, password } = address
  const { retryStrategy, enableOfflineQueue, lazyConnect, ...nodeOptions } = options
  // By default, commands for a primary that is away are tried again for half a second and more.
  const failAtOnce: ClusterOptions =
    options.maxRetriesPerRequest === 0
      ? { maxRedirections: 1, retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 }
      : {}
  const cluster = new Cluster([...nodes], {
    enableOfflineQueue,
    lazyConnect,
    clusterRetryStrategy: retryStrategy,
    scaleReads: 'master',
    // The name is looked up by each connection, because a certificate holds the name and not the address.
    dnsLookup: (host, callback) => callback(null, host),
    ...failAtOnce,
    redisOptions: { ...nodeOptions, username, password, ...(tls && { tls: {} }) },
  })
  // By itself ioredis connects with the first command for a node. The commands that follow it would fail until then.
  function connectToAll(): void {
    // Its own question at the start would fail too.
    if (cluster.status !== 'ready') return
    for (const node of primaries(cluster)) if (node.status === 'wait') connectInVain(node)
  }
  // Not by an option of ioredis: where a question is under way at the end, that goes on asking for ever.
  let asksAtMs = 0
  const stopAsking = repeatEvery(slotsRefreshIntervalMs.troubled, async () => {
    if (cluster.status !== 'ready' || performance.now() < asksAtMs) return
    asksAtMs = performance.now() + slotsRefreshIntervalMs.calm
    cluster.refreshSlotsCache()
  })
  // A node that is away is lost again at each answer, until it is back or replaced.
  cluster.on('-node', () => {
    asksAtMs = 0
  })
  cluster.on('end', stopAsking)
  cluster.on('ready', connectToAll)
  cluster.on('refresh', connectToAll)
  cluster.on('+node', (node: Redis) => tellWhyUnreachable(cluster, node))
  return cluster
}

/**
 * ioredis asks a node for the slots on a connection of its own. When that fails it says only that the connection is
 * closed: this tells the reason before, as a "node error" of the cluster.
 */
function tellWhyUnreachable(cluster: Cluster, node: Redis): void {
  const duplicate = node.duplicate.bind(node)
  node.duplicate = ((options) => {
    const asking = duplicate(options)
    asking.on('error', (error) => cluster.emit('node error', error))
    return asking
  }) as typeof duplicate
}

/** Connects; the client's events tell when that fails. */
function connectInVain(client: { connect(): Promise<unknown> }): void {
  client.connect().catch(() => undefined)
}

/**
 * Resolves when there is a connection to the Redis, or to each primary of a cluster; when the attempt to connect has
 * failed; or after `timeoutMs`.
 */
export async function awaitConnection(client: RedisClient, timeoutMs: number): Promise<void> {
  const startedAt = performance.now()
  const isUndecided = () => !isWhollyConnected(client) && client.status !== 'reconnecting'
  while (isUndecided() && performance.now() - startedAt < timeoutMs) await delay(connectionPollMs)
}

/** Closes with QUIT while connected, else at once, because a QUIT would wait for the server's return. */
export async function disconnectRedis(client: RedisClient): Promise<void> {
  if (client.status === 'ready') {
    await withinMs(client.quit(), quitTimeoutMs, 'no answer').catch(() => client.disconnect())
  } else {
    breakOff(client)
  }
}

/**
 * Ends a client at once, and rejects the commands that wait for an answer. Between two attempts to connect, `disconnect`
 * alone would only cancel the next attempt, and leave the commands waiting for ever. So an attempt is begun first: to
 * break it off rejects them.
 */
export function breakOff(client: {
  readonly status: string
  readonly isCluster?: boolean
  connect(): Promise<unknown>
  disconnect(): void
}): void {
  const wasReconnecting = client.status === 'reconnecting'
  if (wasReconnecting) connectInVain(client)
  // A cluster begins some microtasks later, and ends with the connections that it opens.
  if (wasReconnecting && client.isCluster) setImmediate(() => client.disconnect())
  else client.disconnect()
}
