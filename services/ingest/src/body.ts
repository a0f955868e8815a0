import type { IncomingMessage } from 'node:http'
import { Refusal } from './refusal.ts'

const maxChunks = 64

/**
 * Reads a request's body as the bytes that were sent, and keeps none of it past the limit: by Content-Length
 * before reading anything, by counting while it streams.
 *
 * @throws Refusal `payload_too_large`, or `bad_request` when the sender went away in the middle.
 */
export function readBody(incoming: IncomingMessage, maxBodyBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    function refuse(): void {
      discardRest(incoming, () => reject(new Refusal('payload_too_large')))
    }
    if (Number(incoming.headers['content-length'] ?? 0) > maxBodyBytes) {
      refuse()
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    function collect(chunk: Buffer): void {
      length += chunk.length
      if (length <= maxBodyBytes) {
        chunks.push(chunk)
        // Tiny chunks cost far more memory than their bytes.
        if (chunks.length === maxChunks) chunks.splice(0, maxChunks, Buffer.concat(chunks, length))
        return
      }
      chunks.length = 0
      incoming.off('data', collect)
      incoming.off('end', finish)
      refuse()
    }
    function finish(): void {
      incoming.off('close', abandon)
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length))
    }
    function abandon(cause?: Error): void {
      reject(new Refusal('bad_request', { cause }))
    }
    incoming.on('data', collect)
    incoming.on('end', finish)
    incoming.on('error', abandon)
    incoming.on('close', abandon)
  })
}

const discardLimits = { pauseMs: 50, totalMs: 500, bytes: 4 * 1024 * 1024 } as const

/**
 * Reads on and keeps nothing until the sender has finished or pauses, within limits. The answer to come ends the
 * connection: one who is still sending would find it reset, and the answer lost.
 */
function discardRest(incoming: IncomingMessage, done: () => void): void {
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
    done()
  }
  incoming.on('data', discard)
  incoming.once('end', stop)
  incoming.once('close', stop)
}
