import { createBackoff, withinMs } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { Redis, type RedisOptions } from 'ioredis'

/** A server that hangs keeps its connections open and answers nothing. */
const quitTimeoutMs = 1_000

/** How long a connection must hold before Redis counts as back. */
const settledAfterMs = 1_000

const reconnectDelayMs = createBackoff({ firstMs: 100, longestMs: 500 })

/** ioredis' options but the one that changes its replies' types. */
type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>

/**
 * Opens a client that keeps reconnecting by itself, and says in the log when the connection is lost and when it
 * is back: once each, however many attempts lie between.
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
    // A primary that was demoted answers READONLY: the next connection finds its successor.
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
    // The error of a name with several addresses has a code and no message.
    logger.warn({ role, reason: error?.message || error?.code }, 'Redis is away, reconnecting')
  }
  client.on('error', onTrouble)
  client.on('close', () => onTrouble())
  client.on('ready', () => {
    if (!troubled) {
      logger.info({ role }, 'connected to Redis')
      return
    }
    // A replica that refuses writes lets everyone connect, again and again.
    settling = setTimeout(() => {
      troubled = false
      logger.info({ role }, 'Redis is back')
    }, settledAfterMs)
    settling.unref()
  })
  return client
}

/** Closes politely while connected, at once otherwise: QUIT to a server that is away would wait for it. */
export async function disconnectRedis(client: Redis): Promise<void> {
  if (client.status === 'ready') {
    await withinMs(client.quit(), quitTimeoutMs, 'no answer').catch(() => client.disconnect())
  } else {
    breakOff(client)
  }
}

/**
 * Ends a client at once, and whatever waits for an answer of its server. Between two attempts to connect ioredis would
 * only give up the next one, and let them wait for ever: an attempt that is broken off rejects them all.
 */
export function breakOff(client: {
  readonly status: string
  connect(): Promise<unknown>
  disconnect(): void
}): void {
  if (client.status === 'reconnecting') client.connect().catch(() => undefined)
  client.disconnect()
}
