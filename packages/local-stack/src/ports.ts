import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Whether a process can listen on `port` of `host` now. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await listenBriefly(port, host)) !== undefined
}

/** @returns `preferred` when it is free; else, and for 0, a free port of 127.0.0.1 that the system picks. */
export async function choosePort(preferred: number): Promise<number> {
  return (await listenBriefly(preferred, '127.0.0.1')) ?? (await listenBriefly(0, '127.0.0.1'))!
}

/** Listens and stops again. @returns the port; undefined when another process has it. */
async function listenBriefly(port: number, host: string): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen({ port, host, exclusive: true })
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
  const picked = (server.address() as AddressInfo).port
  server.close()
  await once(server, 'close')
  return picked
}
