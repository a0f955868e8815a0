import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below the ports that systems give to connections that go out. One of those could take a port between the choice and the
 * start of its server.
 */
const chosenPorts = { first: 20_000, count: 10_000 } as const
const mostTries = 100

/** @returns `preferred` when it is free; else, and for 0, a free port of 127.0.0.1. */
export async function choosePort(preferred: number): Promise<number> {
  if (preferred !== 0 && (await isPortFree(preferred))) return preferred
  for (let tries = 0; tries < mostTries; tries++) {
    const port = chosenPorts.first + randomInt(chosenPorts.count)
    if (await isPortFree(port)) return port
  }
  throw new Error(`no free port found from ${chosenPorts.first} on, in ${mostTries} tries`)
}

/** Whether a process can listen on `port` of `host` now. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = createServer()
  try {
    server.listen({ port, host, exclusive: true })
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}
