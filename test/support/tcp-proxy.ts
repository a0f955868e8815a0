import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

const pause = (ms: number) => (ms === 0 ? Promise.resolve() : wait(ms))

/** How a connection ended. */
export interface Ending {
  /** The side that ended it first. */
  by: 'client' | 'server'
  /** Milliseconds between the last byte and the end. */
  idleMs: number
}

/** A network between a service and its server that a test can disturb. */
export interface TcpProxy {
  /** The server's URL, through the proxy. */
  url: string
  /** The number of connected clients. */
  readonly openConnections: number
  /** The endings of all connections that a client or the server has ended. */
  readonly endings: readonly Ending[]
  /** Delays everything, in both directions. */
  delay(ms: number): void
  /** Passes nothing on and reports nothing, as a network that drops packets. New connections open and hear nothing. */
  swallow(): void
  /** Passes nothing on for the open connections any more, not even their end. New connections work. */
  abandon(): void
  /** Resets every open connection. With `refuse` it also refuses new ones, until `heal`. */
  reset(options?: { refuse?: boolean }): void
  /** Leads new connections to another server, and resets the open ones. */
  retarget(url: string): void
  /** Passes everything on again. After `swallow` it resets the open connections, because bytes of theirs are lost. */
  heal(): void
}

/** Opens a proxy to the server at `targetUrl`. It closes when the test has finished. */
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
      // Bytes keep their order, also when the delay has just become shorter.
      earlier = earlier.then(() => arrived).then(() => void to.write(chunk))
    })
    from.on('end', () => {
      tell.ended()
      if (!abandoned.has(from)) to.end()
    })
    // A 'close' follows, which does the rest.
    from.on('error', () => {})
    from.on('close', () => {
      // A connection that was reset has no 'end' before it.
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
