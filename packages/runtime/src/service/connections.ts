import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { filterRequests } from './parser.ts'

/** More than a client pipelines that means to read the answers. Each takes about 4 KB until it is answered. */
const maxRequestsInHand = 32

/** A connection that takes no more requests. It is closed once no more than `inHand` of its requests are unanswered. */
interface Ending {
  readonly lastAnswer: string
  readonly inHand: number
}

interface Connection {
  readonly socket: Socket
  /** How many requests are unanswered. Answers go out in their order; only the newest request may still be arriving. */
  inHand: number
  /** The response to the newest request, while one is in hand. */
  newest: ServerResponse | undefined
  ending: Ending | undefined
}

export interface Connections {
  /**
   * Ends a connection with a last answer, which goes out after the answers to earlier requests. A request whose body is
   * still arriving gets no answer of its own.
   *
   * @param makeAnswer is not called where the connection is ending already, or its client can read nothing any more.
   */
  endWith(socket: Socket, makeAnswer: () => string): void
}

/**
 * Bounds the connections of a server, and the requests that each has in hand.
 *
 * - At `maxConnections` the connection that has been idle for longest makes room for a new one. Where each has a
 *   request in hand, the new one is closed.
 * - A connection that sends a further request while 32 are in hand gets the answers to these, and is closed. So is one
 *   that sends a request after one whose response has `shouldKeepAlive` set to false.
 */
export function boundConnections(server: Server, options: { maxConnections: number }): Connections {
  const { maxConnections } = options
  const open = new Set<Connection>()
  /** The connections with no request in hand, the longest idle first. */
  const idle = new Set<Connection>()
  const connectionOf = new WeakMap<Socket, Connection>()

  function admit(socket: Socket): void {
    if (open.size >= maxConnections && !makeRoom()) {
      socket.destroy()
      return
    }
    const connection: Connection = { socket, inHand: 0, newest: undefined, ending: undefined }
    open.add(connection)
    idle.add(connection)
    connectionOf.set(socket, connection)
    socket.on('close', () => leave(connection))
    filterRequests(socket, () => admitsRequest(connection))
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

  /** Ends the connection where the answer is no. */
  function admitsRequest(connection: Connection): boolean {
    if (connection.ending !== undefined) return false
    const isLast = connection.newest?.shouldKeepAlive === false
    if (!isLast && connection.inHand < maxRequestsInHand) return true
    end(connection, { lastAnswer: '', inHand: 0 })
    return false
  }

  function begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = connectionOf.get(request.socket)
    if (connection === undefined) return
    if (connection.inHand === 0) idle.delete(connection)
    connection.inHand++
    connection.newest = response
    response.on('close', settle)
  }

  /** One listener serves all responses: each finds its connection by its request. */
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

  server.on('connection', admit)
  server.prependListener('request', begin)

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
