import { existsSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

const table = '/proc/net/tcp'

/** Whether this system tells of its TCP connections' timers, as Linux does. */
export const tellsOfProbes = existsSync(table)

/** In how many milliseconds the system will ask the peer of an IPv4 connection for a sign of life; undefined for never. */
export function idleProbeMs({ localPort }: Socket): number | undefined {
  const port = localPort!.toString(16).toUpperCase().padStart(4, '0')
  const rows = readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  // As the server's end of it has the port among the remote ones, there is one.
  const timer = rows.find(([, local]) => local?.endsWith(`:${port}`))?.[5]
  const [kind, hundredths] = timer?.split(':') ?? []
  return kind === '02' ? Number.parseInt(hundredths!, 16) * 10 : undefined
}
