import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

const pause = (ms: number) => (ms === 0 ? Promise.resolve() : wait(ms))

/** How a connection ended. */
export interface Ending {
  /** Who said so first. */
  by: 'client' | 'server'
  /** For how long nothing had passed by then. */
  idleMs: number
}

/** A network that a test has in hand, between a service and its server. */
export interface TcpProxy {
  /** The server's URL, through the proxy. */
  url: string
  /** How many clients are connected. */
  readonly openConnections: number
  /** Of the connections that have ended, by a client's or the server's hand. */
  readonly endings: readonly Ending[]
  /** Delays everything, each way. */
  delay(ms: number): void
  /** Passes nothing on, in silence, as a network that drops packets; new connections open and hear nothing. */
  swallow(): void
  /** Passes nothing on of the connections there are, for good and not even their end. New ones are served. */
  abandon(): void
  /** Resets every connection there is, and refuses new ones while it is `refuse`d. */
  reset(options?: { refuse?: boolean }): void
  /** Leads new connections to another server, and resets those there are. */
  retarget(url: string): void
  /** Passes everything on again. What was swallowed is lost with its connection. */
  heal(): void
}

/** Opens one for the server at `targetUrl`, until the test has finished. */
export async function openTcpProxy(targetUrl: string): Promise<TcpProxy> {
  let target = new URL(targetUrl)
  const sockets = new Set<Socket>()
  let delayMs = 0
  let isSwallowing = false
  let isRefusing = false
  const abandoned = new WeakSet<Socket>()
  const endings: Ending[] = []
  let openConnections = 0

  function forward(from: Socket, to: Socket, tell: { passed(): void; ended(): void }): void {
    sockets.add(from)
    let earlier = Promise.resolve()
    from.on('data', (chunk) => {
      if (isSwallowing || abandoned.has(from)) return
      tell.passed()
      const arrived = pause(delayMs)
      // Bytes keep their order, also where the delay has just become shorter.
      earlier = earlier.then(() => arrived).then(() => void to.write(chunk))
    })
    from.on('end', () => {
      tell.ended()
      if (!abandoned.has(from)) to.end()
    })
    // What follows is its close.
    from.on('error', () => {})
    from.on('close', () => {
      // A reset has no end.
      tell.ended()
      sockets.delete(from)
      if (!abandoned.has(from)) to.destroy()
    })
  }

  const server = createServer((client) => {
    if (isRefusing) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(Number(target.port), target.hostname)
    openConnections++
    client.on('close', () => openConnections--)
    let passedAt = performance.now()
    let hasEnded = false
    const tellOf = (by: Ending['by']) => ({
      passed() {
        passedAt = performance.now()
      },
      ended() {
        if (!hasEnded) endings.push({ by, idleMs: performance.now() - passedAt })
        hasEnded = true
      },
    })
    forward(client, upstream, tellOf('client'))
    forward(upstream, client, tellOf('server'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })

  function resetAll(): void {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const url = new URL(targetUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.href,
    get openConnections() {
      return openConnections
    },
    endings,
    delay(ms) {
      delayMs = ms
    },
    swallow() {
      isSwallowing = true
    },
    abandon() {
      for (const socket of sockets) abandoned.add(socket)
    },
    reset({ refuse = false } = {}) {
      isRefusing = refuse
      resetAll()
    },
    retarget(url) {
      target = new URL(url)
      resetAll()
    },
    heal() {
      if (isSwallowing) resetAll()
      delayMs = 0
      isSwallowing = false
      isRefusing = false
    },
  }
}
