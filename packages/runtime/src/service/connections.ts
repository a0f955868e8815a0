import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** More than a client pipelines that means to read the answers. Each holds about 4 KB until it is answered. */
const maxRequestsInHand = 32

interface ParsedRequest extends IncomingMessage {
  upgrade: boolean
}

/** Node's parser hands over each request here, as soon as it has the headers. */
type HandOver = (request: ParsedRequest, keepAlive: boolean) => number

/**
 * Not documented. But one read may hold 2,400 requests, and Node makes all of them before any can be answered: they
 * are stopped here, or take their memory first.
 */
interface ParsedSocket extends Socket {
  parser: { onIncoming: HandOver }
}

/** What a parser takes for "another protocol follows": it leaves the rest of what was read. */
const parseNoMore = 2

/** A connection that serves nothing more: its last answer goes out when no more than `inHand` requests are. */
interface Ending {
  readonly lastAnswer: string
  readonly inHand: number
}

interface Connection {
  readonly socket: Socket
  /** How many requests are not answered. Answers go out in their order; only the newest may still be arriving. */
  inHand: number
  /** The response to the newest request, while one is in hand. */
  newest: ServerResponse | undefined
  ending: Ending | undefined
  /** As of the last look: what is written and not taken yet, and what was written in all. */
  unreadBytes: number
  writtenBytes: number
}

export interface Connections {
  /**
   * Sends a last answer after those to the requests that came before, and then closes the connection. A request
   * whose body is still arriving gets none of its own.
   *
   * @param makeAnswer is not called when the connection is ending already and hears nothing more.
   */
  endWith(socket: Socket, makeAnswer: () => string): void
}

/**
 * Bounds what clients hold of a server: connections in all, and of each its requests in hand and unread answers.
 *
 * - At `maxConnections` the connection that has been idle for longest makes room for a new one. Where each has a
 *   request in hand, the new one is closed.
 * - A connection that sends a further request while 32 are in hand gets the answers to these, and is closed. So is one
 *   that sends a further request after one whose response has `shouldKeepAlive` set to false.
 * - A client that leaves its answers unread for `unreadTimeoutMs`, twice that at most, is cut off.
 */
export function boundConnections(
  server: Server,
  limits: { maxConnections: number; unreadTimeoutMs: number },
): Connections {
  const { maxConnections, unreadTimeoutMs } = limits
  const open = new Set<Connection>()
  /** Those with no request in hand, the longest idle first. */
  const idle = new Set<Connection>()
  const connectionOf = new WeakMap<Socket, Connection>()

  function admit(socket: Socket): void {
    if (open.size >= maxConnections && !makeRoom()) {
      socket.destroy()
      return
    }
    const connection: Connection = {
      socket,
      inHand: 0,
      newest: undefined,
      ending: undefined,
      unreadBytes: 0,
      writtenBytes: 0,
    }
    open.add(connection)
    idle.add(connection)
    connectionOf.set(socket, connection)
    socket.on('close', () => leave(connection))
    boundRequests(connection)
  }

  /** @returns false when no connection is idle. */
  function makeRoom(): boolean {
    const longestIdle = idle.values().next().value
    if (longestIdle === undefined) return false
    leave(longestIdle)
    longestIdle.socket.destroy()
    return true
  }

  function leave(connection: Connection): void {
    open.delete(connection)
    idle.delete(connection)
  }

  function boundRequests(connection: Connection): void {
    const { parser } = connection.socket as ParsedSocket
    const handOver = parser.onIncoming
    parser.onIncoming = function handOverWithinBounds(request, keepAlive) {
      if (connection.ending === undefined) {
        const isLast = connection.newest?.shouldKeepAlive === false
        if (!isLast && connection.inHand < maxRequestsInHand) return handOver(request, keepAlive)
        end(connection, { lastAnswer: '', inHand: 0 })
      }
      // It is dropped with the rest, whatever it wants to upgrade to.
      request.upgrade = false
      return parseNoMore
    }
  }

  function begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = connectionOf.get(request.socket)
    if (connection === undefined) return
    if (connection.inHand === 0) idle.delete(connection)
    connection.inHand++
    connection.newest = response
    response.on('close', settle)
  }

  /** A listener of responses, one for all: each knows its connection by its request. */
  function settle(this: ServerResponse): void {
    const connection = connectionOf.get(this.req.socket)
    if (connection === undefined || !open.has(connection)) return
    connection.inHand--
    if (connection.ending !== undefined) closeWhenAnswered(connection, connection.ending)
    else if (connection.inHand === 0) {
      connection.newest = undefined
      idle.add(connection)
    }
  }

  function end(connection: Connection, ending: Ending): void {
    connection.ending = ending
    idle.delete(connection)
    closeWhenAnswered(connection, ending)
  }

  function closeWhenAnswered({ socket, inHand }: Connection, ending: Ending): void {
    if (inHand > ending.inHand || !socket.writable) return
    if (ending.lastAnswer !== '') socket.write(ending.lastAnswer)
    socket.destroySoon()
  }

  function cutOffWhoDoesNotRead(): void {
    for (const connection of open) {
      const { socket, unreadBytes, writtenBytes } = connection
      connection.unreadBytes = socket.writableLength
      if (connection.unreadBytes === 0) continue
      connection.writtenBytes = socket.bytesWritten
      if (connection.unreadBytes === unreadBytes && connection.writtenBytes === writtenBytes) socket.destroy()
    }
  }

  server.on('connection', admit)
  server.prependListener('request', begin)
  const looking = setInterval(cutOffWhoDoesNotRead, unreadTimeoutMs).unref()
  server.on('close', () => clearInterval(looking))

  return {
    endWith(socket, makeAnswer) {
      const connection = connectionOf.get(socket)
      if (connection === undefined || connection.ending !== undefined) return
      if (!socket.writable) {
        socket.destroy()
        return
      }
      const { newest } = connection
      const isArriving = newest !== undefined && !newest.req.complete
      end(connection, { lastAnswer: makeAnswer(), inHand: isArriving ? 1 : 0 })
    },
  }
}
