import type { IncomingMessage } from 'node:http'
import type { RefusalCode } from './refusal.ts'

/** Finds what a request breaks of HTTP that Node lets pass. @returns the code to refuse it with, if any. */
export function protocolFault(request: IncomingMessage): RefusalCode | undefined {
  const { httpVersionMajor, httpVersionMinor, headers, rawHeaders } = request
  if (httpVersionMajor !== 1) return 'unsupported_http_version'
  const coding = headers['transfer-encoding']
  // Node takes the chunks apart, and would hand over a compressed body as if it were the one that was meant.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 'unsupported_transfer_coding'
  const hosts = countHosts(rawHeaders)
  // A load balancer's check over HTTP/1.0 has none. Of two, a proxy may have read another one than we do.
  if (hosts > 1 || (hosts === 0 && httpVersionMinor > 0)) return 'bad_request'
  return undefined
}

/** `headers` has the first Host alone. */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts
}
