import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Starts to listen; `port` 0 picks a free one.
 *
 * @returns the port. @throws an Error that names the address, why it cannot be used and which variable sets it.
 */
export function listen(
  server: Server,
  options: { host: string; port: number; variable: string },
): Promise<number> {
  const { host, port, variable } = options
  return new Promise((resolve, reject) => {
    function onError(error: NodeJS.ErrnoException): void {
      const reason = listenErrors[error.code ?? ''] ?? error.message
      reject(new Error(`cannot listen on ${host}:${port}: ${reason} (set ${variable} to another one)`))
    }
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

const listenErrors: Record<string, string> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'no permission for this port',
  EADDRNOTAVAIL: 'this machine does not have the address',
}

/**
 * Stops accepting and resolves when the requests under way are answered. A kept-alive connection is closed with
 * its next answer, or as soon as it is idle: otherwise a busy client would keep the server open for ever.
 */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.prependListener('request', (_request, response) => {
      response.shouldKeepAlive = false
    })
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearInterval(sweep)
      resolve()
    })
  })
}
