import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Starts to listen; `port` 0 picks a free one.
 *
 * @param options.variables names the settings of host and port, for the error.
 * @returns the port. @throws an Error that names the address, why it cannot be used and which variable sets it.
 */
export function listen(
  server: Server,
  options: { host: string; port: number; variables: { host: string; port: string } },
): Promise<number> {
  const { host, port, variables } = options
  return new Promise((resolve, reject) => {
    function onError(error: NodeJS.ErrnoException): void {
      const code = error.code ?? ''
      const culprit = code in portErrors ? variables.port : variables.host
      const reason = portErrors[code] ?? hostErrors[code] ?? error.message
      reject(new Error(`cannot listen on ${host}:${port}: ${reason} (set ${culprit} to another one)`))
    }
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

const portErrors: Record<string, string> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'no permission for this port',
}

const hostErrors: Record<string, string> = {
  EADDRNOTAVAIL: 'this machine does not have the address',
  ENOTFOUND: 'no such host',
}

/**
 * Stops accepting, and resolves when the requests under way are answered. A kept-alive connection is closed with
 * its next answer, or as soon as it is idle: otherwise a busy client would keep the server open for ever.
 *
 * @param options.graceMs is the time in which clients may finish sending; then they are cut off. Nothing was
 *   acknowledged to them, and Node watches no request timeout after `close`.
 */
export function closeServer(server: Server, options: { graceMs: number }): Promise<void> {
  return new Promise((resolve) => {
    server.prependListener('request', (_request, response) => {
      response.shouldKeepAlive = false
    })
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    const cutOff = setTimeout(() => server.closeAllConnections(), options.graceMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cutOff)
      resolve()
    })
  })
}
