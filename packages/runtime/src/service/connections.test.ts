import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createBoundedServer } from './bounded-server.ts'
import { closeServer, listen } from './http.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

async function startServer(
  listener: RequestListener,
  limits: { maxConnections?: number; requestTimeoutMs?: number } = {},
): Promise<number> {
  const { server } = createBoundedServer({
    listener,
    answerError: () => 'HTTP/1.1 400 Bad Request\r\n\r\n',
    maxConnections: 100,
    requestTimeoutMs: 10_000,
    keepAliveTimeoutMs: 60_000,
    ...limits,
  })
  onTestFinished(() => closeServer(server, { graceMs: 0 }))
  return listen(server, { host: '127.0.0.1', port: 0, variables: { host: 'HOST', port: 'PORT' } })
}

async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

function countAnswers(socket: Socket): () => number {
  let received = ''
  socket.on('data', (chunk) => (received += chunk))
  return () => received.split('HTTP/1.1 200').length - 1
}

/** Counts the requests of which Node has made objects. */
function countMadeRequests(): () => number {
  let made = 0
  const count = () => void made++
  subscribe('http.server.response.created', count)
  onTestFinished(() => void unsubscribe('http.server.response.created', count))
  return () => made
}

test('of a flood in one write 32 requests are made and answered, and the connection ends', async () => {
  const made = countMadeRequests()
  const waiting: ServerResponse[] = []
  const port = await startServer((_request, response) => {
    waiting.push(response)
    // By then, Node has handed over all requests of one read.
    if (waiting.length === 1) setImmediate(() => waiting.map((response) => response.end('answered')))
  })
  const socket = await openSocket(port)
  const answers = countAnswers(socket)
  socket.write(get.repeat(2_000))
  await once(socket, 'close')
  expect(answers()).toBe(32)
  expect(made()).toBe(32)
})

test('a client that reads its answers may send any number of requests', async () => {
  const port = await startServer((_request, response) => void response.end('answered'))
  const socket = await openSocket(port)
  const answers = countAnswers(socket)
  for (let n = 1; n <= 100; n++) {
    socket.write(get)
    while (answers() < n) await once(socket, 'data')
  }
})

test('a client that leaves an answer unread is cut off, and a slow reader is not', async () => {
  const answer = Buffer.alloc(32 * 1024 * 1024)
  const closed: string[] = []
  const port = await startServer(
    (request, response) => {
      request.socket.on('close', () => closed.push(response.writableFinished ? 'whole' : 'cut off'))
      let at = 0
      function writeNext(): void {
        const part = answer.subarray(at, at + 65_536)
        at += part.length
        if (part.length === 0) response.end()
        else response.write(part, writeNext)
      }
      writeNext()
    },
    { requestTimeoutMs: 400 },
  )
  const idler = await openSocket(port)
  idler.pause()
  idler.write(get)

  const reader = await openSocket(port)
  let takenBytes = 0
  reader.on('data', (chunk) => {
    takenBytes += chunk.length
    reader.pause()
    setTimeout(() => reader.resume(), 1)
  })
  reader.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await once(reader, 'close')
  expect(takenBytes).toBeGreaterThan(answer.length)
  while (closed.length < 2) await new Promise(setImmediate)
  expect(closed.toSorted()).toEqual(['cut off', 'whole'])
})
