import { createBackoff, withinMs } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { Redis, type RedisOptions } from 'ioredis'

/** A server that hangs does not answer QUIT, so the wait for it has an end. */
const quitTimeoutMs = 1_000

/** A connection must last this long before Redis counts as back. */
const settledAfterMs = 1_000

const reconnectDelayMs = createBackoff({ firstMs: 100, longestMs: 500 })

/** The options of ioredis without `replyMapping`, which would change the types of replies. */
type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>

/**
 * Opens a client that reconnects by itself. It logs the loss of the connection once, however many attempts follow, and
 * its return once.
 */
export function connectRedis(options: {
  redisUrl: string
  role: string
  logger: Logger
  settings: ConnectionSettings
}): Redis {
  const { redisUrl, role, logger, settings } = options
  const redisOptions: ConnectionSettings = {
    connectionName: `vss-${role}`,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: (attempt) => reconnectDelayMs(attempt - 1),
    // A primary that was demoted answers READONLY. The next connection finds its successor.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...settings,
  }
  const client = new Redis(redisUrl, redisOptions)
  let troubled = false
  let settling: NodeJS.Timeout | undefined
  function onTrouble(error?: NodeJS.ErrnoException): void {
    clearTimeout(settling)
    if (troubled || client.status === 'end') return
    troubled = true
    // The error of a name that has several addresses has a code and no message.
    logger.warn({ role, reason: error?.message || error?.code }, 'Redis is away, reconnecting')
  }
  client.on('error', onTrouble)
  client.on('close', () => onTrouble())
  client.on('ready', () => {
    if (!troubled) {
      logger.info({ role }, 'connected to Redis')
      return
    }
    // A replica that refuses writes takes connections all the same, again and again.
    settling = setTimeout(() => {
      troubled = false
      logger.info({ role }, 'Redis is back')
    }, settledAfterMs)
    settling.unref()
  })
  return client
}

/** Closes with QUIT while connected, else at once, because a QUIT would wait for the server's return. */
export async function disconnectRedis(client: Redis): Promise<void> {
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
  connect(): Promise<unknown>
  disconnect(): void
}): void {
  if (client.status === 'reconnecting') client.connect().catch(() => undefined)
  client.disconnect()
}

/**
 * Has the commands that `send` gives to the client leave in one write. Redis then runs them in one turn, with one fsync,
 * unless they are large. A proxy with Nagle's algorithm does not hold back the second for the 40 ms of a delayed
 * acknowledgement.
 */
export function inOneWrite<Result>(client: Redis, send: () => Promise<Result>): Promise<Result> {
  const { stream } = client
  stream.cork()
  // BullMQ gives its command a few microtasks later. This runs behind all of them.
  queueMicrotask(() => process.nextTick(() => stream.uncork()))
  return send()
}
