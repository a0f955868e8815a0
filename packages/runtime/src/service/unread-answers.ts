import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** A connection's count of bytes at the last check. */
interface Check {
  /** Written by the server, and not taken by the client yet. */
  unreadBytes: number
  /** Written in all. */
  writtenBytes: number
}

/** Cuts clients off that leave their answers unread for `unreadTimeoutMs`, or for twice that at most. */
export function cutOffUnreadAnswers(server: Server, options: { unreadTimeoutMs: number }): void {
  const lastChecks = new Map<Socket, Check>()

  function checkAll(): void {
    for (const [socket, last] of lastChecks) {
      const check = { unreadBytes: socket.writableLength, writtenBytes: socket.bytesWritten }
      lastChecks.set(socket, check)
      const isUnmoved = check.unreadBytes === last.unreadBytes && check.writtenBytes === last.writtenBytes
      if (check.unreadBytes > 0 && isUnmoved) socket.destroy()
    }
  }

  server.on('connection', (socket: Socket) => {
    lastChecks.set(socket, { unreadBytes: 0, writtenBytes: 0 })
    socket.on('close', () => lastChecks.delete(socket))
  })
  const timer = setInterval(checkAll, options.unreadTimeoutMs).unref()
  server.on('close', () => clearInterval(timer))
}
