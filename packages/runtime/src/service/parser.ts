import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

interface ParsedRequest extends IncomingMessage {
  upgrade: boolean
}

/** Node's parser calls this with each request, as soon as it has the headers. */
type HandOver = (request: ParsedRequest, keepAlive: boolean) => number

/**
 * A connection as Node's HTTP server has it. This is not documented. But one read may hold 2,400 requests, and Node
 * makes objects of all of them before any can be answered: only here can they be stopped before they take memory.
 */
interface ParsedSocket extends Socket {
  parser: { onIncoming: HandOver }
}

/** Tells the parser that another protocol follows, so that it leaves the rest of the read alone. */
const parseNoMore = 2

/**
 * Asks before each request of a connection whether the server may have it. From the first refusal on, the connection's
 * bytes are no longer read as requests.
 */
export function filterRequests(socket: Socket, admits: () => boolean): void {
  const { parser } = socket as ParsedSocket
  const handOver = parser.onIncoming
  parser.onIncoming = function handOverAdmitted(request, keepAlive) {
    if (admits()) return handOver(request, keepAlive)
    // The refused request may ask for an upgrade, which Node would begin.
    request.upgrade = false
    return parseNoMore
  }
}
