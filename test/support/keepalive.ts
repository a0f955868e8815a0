import { existsSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

const table = '/proc/net/tcp'

/** Whether this system shows the timers of its TCP connections, as Linux does. */
export const tellsOfProbes = existsSync(table)

/** Milliseconds until the system asks the peer of an IPv4 connection for a sign of life; undefined if it never asks. */
export function idleProbeMs({ localPort, remotePort }: Socket): number | undefined {
  const [from, to] = [localPort!, remotePort!].map(
    (port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`,
  )
  const rows = readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  // Both ends are in the table. Another connection may have the same local port, to another peer.
  const timer = rows.find(([, local, peer]) => local?.endsWith(from!) && peer?.endsWith(to!))?.[5]
  const [kind, hundredths] = timer?.split(':') ?? []
  return kind === '02' ? Number.parseInt(hundredths!, 16) * 10 : undefined
}
