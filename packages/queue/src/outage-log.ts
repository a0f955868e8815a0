import type { Logger } from '@vss-pipeline/runtime/service'
import { isNotConnectionError } from 'bullmq'
import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from './connection.ts'
import { nameOf, namesOfPrimaries, onEachNode } from './nodes.ts'

/** A connection must last this long before Redis counts as back. */
const settledAfterMs = 1_000

/**
 * Logs the loss of a client's connection once, however many attempts to reconnect follow, and its return once. In a
 * cluster it does so for each primary, and for the whole where no node answers.
 */
export function logOutages(client: RedisClient, deps: { role: string; logger: Logger }): void {
  const { role, logger } = deps
  const isOver = () => client.status === 'end'
  const outage = createOutage({
    lost: (reason) => logger.warn({ role, reason }, 'Redis is away, reconnecting'),
    back: () => logger.info({ role }, 'Redis is back'),
    isOver,
  })
  let nodeError: NodeJS.ErrnoException | undefined
  client.on('node error', (error) => {
    // The first of several says why.
    nodeError ??= error
  })
  client.on('error', (error) => outage.lose(nodeError ?? error))
  client.on('close', () => outage.lose())
  client.on('ready', () => {
    nodeError = undefined
    if (!outage.settle()) logger.info({ role }, 'connected to Redis')
  })
  if (client instanceof Cluster) logNodeOutages(client, deps)
}

/** The words of ioredis after its last try, and of a node of a cluster that has lost a primary, or most of them. */
const outageWords =
  /^(Too many Cluster redirections|CLUSTERDOWN|None of startup nodes is available|All sentinels are unreachable|no sentinel answers)/

/**
 * Whether an error says that Redis is away, or the primary of a queue: {@link logOutages} tells that once. The connection
 * of another client to the same Redis, such as one that blocks, may be lost a moment before the client's own.
 */
export function isConnectionLoss(error: NodeJS.ErrnoException): boolean {
  return typeof error.code === 'string' || !isNotConnectionError(error) || outageWords.test(error.message)
}

function logNodeOutages(cluster: Cluster, { role, logger }: { role: string; logger: Logger }): void {
  const outages = new Map<string, Outage>()

  function outageOf(node: string): Outage {
    const outage =
      outages.get(node) ??
      createOutage({
        lost: (reason) => logger.warn({ role, node, reason }, 'a primary of Redis is away, reconnecting'),
        back: () => logger.info({ role, node }, 'a primary of Redis is back'),
        // ioredis closes the connections to nodes that have no slots any more, and all of them where it ends.
        isOver: () => cluster.status !== 'ready' || !namesOfPrimaries(cluster).has(node),
      })
    outages.set(node, outage)
    return outage
  }

  onEachNode(cluster, (node: Redis) => {
    const outage = outageOf(nameOf(node))
    node.on('error', outage.lose)
    node.on('close', () => outage.lose())
    node.on('ready', () => outage.settle())
  })
  cluster.on('refresh', () => {
    const names = namesOfPrimaries(cluster)
    for (const [node, outage] of outages) {
      if (!names.has(node) && outage.end())
        logger.info({ role, node }, 'a primary of Redis has been replaced')
    }
  })
}

/** The time from the loss of a connection to its return. */
interface Outage {
  lose(error?: NodeJS.ErrnoException): void
  /** The connection is there, and the outage over when it lasts. @returns false where nothing was lost. */
  settle(): boolean
  /** The connection will not come back. @returns false where nothing was lost. */
  end(): boolean
}

function createOutage(deps: {
  lost: (reason: string | undefined) => void
  back: () => void
  /** Whether the connection was meant to end. */
  isOver: () => boolean
}): Outage {
  let isOn = false
  let settling: NodeJS.Timeout | undefined

  return {
    lose(error) {
      clearTimeout(settling)
      if (isOn || deps.isOver()) return
      isOn = true
      // The error of a name that has several addresses has a code and no message.
      deps.lost(error?.message || error?.code)
    },
    settle() {
      if (!isOn) return false
      clearTimeout(settling)
      // A replica that refuses writes takes connections all the same, again and again.
      settling = setTimeout(() => {
        isOn = false
        deps.back()
      }, settledAfterMs)
      settling.unref()
      return true
    },
    end() {
      clearTimeout(settling)
      const wasOn = isOn
      isOn = false
      return wasOn
    },
  }
}
