import type { IncomingMessage } from 'node:http'
import { Refusal } from './refusal.ts'

/**
 * Reads a request's body as the bytes that were sent, and stops at the limit: by Content-Length before reading
 * anything, by counting while it streams.
 *
 * @throws Refusal `payload_too_large`, or `bad_request` when the sender went away in the middle.
 */
export function readBody(incoming: IncomingMessage, maxBodyBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(incoming.headers['content-length'] ?? 0) > maxBodyBytes) {
      reject(new Refusal('payload_too_large'))
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    incoming.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBodyBytes) {
        incoming.pause()
        reject(new Refusal('payload_too_large'))
      } else {
        chunks.push(chunk)
      }
    })
    incoming.on('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length)),
    )
    incoming.on('error', (cause) => reject(new Refusal('bad_request', { cause })))
    incoming.on('close', () => reject(new Refusal('bad_request')))
  })
}
