import type { IncomingMessage } from 'node:http'
import type { RefusalCode } from './refusal.ts'

/** Finds a breach of HTTP that Node lets pass. @returns the code to refuse the request with, if any. */
export function protocolFault(request: IncomingMessage): RefusalCode | undefined {
  const { httpVersionMajor, httpVersionMinor, headers, rawHeaders } = request
  if (httpVersionMajor !== 1) return 'unsupported_http_version'
  const coding = headers['transfer-encoding']
  // Node undoes the chunks alone, and would hand over a compressed body as if it were not compressed.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 'unsupported_transfer_coding'
  const hosts = countHosts(rawHeaders)
  // A load balancer's check over HTTP/1.0 has no Host. Of two Hosts, a proxy may have read the other one.
  if (hosts > 1 || (hosts === 0 && httpVersionMinor > 0)) return 'bad_request'
  return undefined
}

/** Counts them in `rawHeaders`, because `headers` has only the first Host. */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts
}
