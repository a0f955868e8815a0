import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal, type RefusalCode } from './refusal.ts'
import type { WaitingBytes } from './waiting-bytes.ts'

const maxChunks = 64

/** Requests whose sender waits for `100 Continue` before it sends the body. */
const awaitingGoAhead = new WeakSet<IncomingMessage>()

/** Notes that a sender waits for `100 Continue`. It gets one when its body is to be read, and none if it is refused. */
export function awaitGoAhead(incoming: IncomingMessage): void {
  awaitingGoAhead.add(incoming)
}

/**
 * Reads a request's body as the bytes that were sent. A body over the limit is refused by its Content-Length before it
 * is read, or by the count of its bytes while it streams.
 *
 * @param limits.waiting counts the bytes of the body until all of them are there.
 * @throws Refusal `payload_too_large`; `unavailable` when there is no room for it; `bad_request` when the sender
 *   goes away in the middle.
 */
export function readBody(
  request: { incoming: IncomingMessage; outgoing: Pick<ServerResponse, 'writeContinue'> },
  limits: { maxBodyBytes: number; waiting: WaitingBytes },
): Promise<Buffer> {
  const { incoming, outgoing } = request
  const { maxBodyBytes, waiting } = limits
  return new Promise((resolve, reject) => {
    if (Number(incoming.headers['content-length'] ?? 0) > maxBodyBytes) {
      reject(new Refusal('payload_too_large'))
      return
    }
    if (incoming.headers.expect !== undefined && awaitingGoAhead.delete(incoming)) outgoing.writeContinue()
    const chunks: Buffer[] = []
    let length = 0
    function collect(chunk: Buffer): void {
      if (length + chunk.length > maxBodyBytes) {
        refuse('payload_too_large')
        return
      }
      if (!waiting.take(chunk.length)) {
        refuse('unavailable')
        return
      }
      length += chunk.length
      chunks.push(chunk)
      // Tiny chunks cost far more memory than their bytes.
      if (chunks.length === maxChunks) chunks.splice(0, maxChunks, Buffer.concat(chunks, length))
    }
    function refuse(code: RefusalCode): void {
      incoming.off('data', collect)
      incoming.off('end', finish)
      forget()
      reject(new Refusal(code))
    }
    function finish(): void {
      incoming.off('close', abandon)
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length))
      forget()
    }
    function abandon(cause?: Error): void {
      forget()
      reject(new Refusal('bad_request', { cause }))
    }
    function forget(): void {
      waiting.giveBack(length)
      length = 0
      chunks.length = 0
    }
    incoming.on('data', collect)
    incoming.on('end', finish)
    incoming.on('error', abandon)
    incoming.on('close', abandon)
  })
}

const discardLimits = { pauseMs: 50, totalMs: 500, bytes: 4 * 1024 * 1024 } as const

/**
 * Reads the rest of a refused request and drops it, until the sender has finished or pauses, within limits. The answer
 * ends the connection: a client that is still sending then would find it reset, and would lose the answer.
 */
export function discardRest(incoming: IncomingMessage): Promise<void> | undefined {
  if (incoming.complete || incoming.destroyed || awaitingGoAhead.has(incoming)) return
  return new Promise((resolve) => {
    let discarded = 0
    const pause = setTimeout(stop, discardLimits.pauseMs)
    const deadline = setTimeout(stop, discardLimits.totalMs)
    function discard(chunk: Buffer): void {
      pause.refresh()
      discarded += chunk.length
      if (discarded > discardLimits.bytes) stop()
    }
    function stop(): void {
      clearTimeout(pause)
      clearTimeout(deadline)
      incoming.off('data', discard)
      incoming.pause()
      resolve()
    }
    incoming.on('data', discard)
    incoming.once('end', stop)
    incoming.once('close', stop)
  })
}
