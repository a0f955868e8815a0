import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { closeServer, listen } from './http.ts'

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function startServer(
  listener: RequestListener = () => undefined,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener)
  servers.push(server)
  return {
    server,
    port: await listen(server, { host: '127.0.0.1', port: 0, variables: { host: 'HOST', port: 'PORT' } }),
  }
}

async function openSocket(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

describe('listen', () => {
  test('on port 0 returns the port that was chosen', async () => {
    const { server, port } = await startServer()
    expect(port).toBe((server.address() as AddressInfo).port)
    expect(port).toBeGreaterThan(0)
  })

  test('on a port in use fails with one line that names the variable to change', async () => {
    const { port } = await startServer()
    const second = createServer()
    servers.push(second)
    await expect(
      listen(second, { host: '127.0.0.1', port, variables: { host: 'OPS_HOST', port: 'OPS_PORT' } }),
    ).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the port is in use (set OPS_PORT to another one)`)
  })

  test('on an address that this machine does not have fails with one that names HOST', async () => {
    const listening = listen(createServer(), {
      host: '192.0.2.1',
      port: 0,
      variables: { host: 'HOST', port: 'PORT' },
    })
    await expect(listening).rejects.toThrow(
      'cannot listen on 192.0.2.1:0: this machine does not have the address (set HOST to another one)',
    )
  })

  test('on an unknown name fails with one that names HOST', async () => {
    const listening = listen(createServer(), {
      host: 'no-such-host.invalid',
      port: 0,
      variables: { host: 'HOST', port: 'PORT' },
    })
    await expect(listening).rejects.toThrow(
      /^cannot listen on no-such-host.invalid:0: .* \(set HOST to another one\)$/,
    )
  })
})

describe('closeServer', () => {
  test('waits until requests under way are answered, and accepts no more', async () => {
    const { server, port } = await startServer((_request, response) => {
      server.once('released', () => response.end('answered'))
    })
    const arrived = once(server, 'request')
    const answer = fetch(`http://127.0.0.1:${port}`)
    await arrived
    let closed = false
    const closing = closeServer(server, { graceMs: 10_000 }).then(() => (closed = true))
    await new Promise(setImmediate)
    expect(closed).toBe(false)
    server.emit('released')
    expect(await (await answer).text()).toBe('answered')
    await closing
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
  })

  test('tells a client that pipelines that the connection ends', async () => {
    const { server, port } = await startServer((_request, response) => {
      server.once('released', () => response.end('answered'))
    })
    const first = once(server, 'request')
    const socket = await openSocket(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    let received = ''
    socket.on('data', (chunk) => (received += chunk))
    const ended = once(socket, 'close')
    await first
    const closing = closeServer(server, { graceMs: 10_000 })
    const second = once(server, 'request')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await second
    server.emit('released')
    await ended
    await closing
    expect(received.match(/^Connection: .*$/gm)).toEqual(['Connection: keep-alive', 'Connection: close'])
  })

  test('closes though kept-alive clients never pause, and answers each request that it took', async () => {
    const { server, port } = await startServer((_request, response) => {
      setImmediate(() => response.end('answered'))
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    let [asked, answered, refused, stop] = [0, 0, 0, false]
    async function keepAsking(): Promise<void> {
      while (!stop) {
        asked++
        await askOnce(agent, port).then(
          (status) => (status === 200 ? answered++ : undefined),
          () => {
            refused++
            return new Promise(setImmediate)
          },
        )
      }
    }
    const clients = Array.from({ length: 4 }, keepAsking)
    while (answered < 100) await new Promise(setImmediate)
    const startedAt = performance.now()
    await closeServer(server, { graceMs: 10_000 })
    const tookMs = performance.now() - startedAt
    stop = true
    await Promise.all(clients)
    agent.destroy()
    expect(tookMs).toBeLessThan(1_000)
    expect(answered + refused).toBe(asked)
    expect(answered).toBeGreaterThanOrEqual(100)
  })

  test('closes an idle kept-alive connection at once', async () => {
    const { server, port } = await startServer((_request, response) => void response.end())
    const agent = new Agent({ keepAlive: true })
    expect(await askOnce(agent, port)).toBe(200)
    const startedAt = performance.now()
    await closeServer(server, { graceMs: 10_000 })
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    agent.destroy()
  })

  test.each([
    ['sends nothing', ''],
    ['stops in the middle of its headers', 'POST / HTTP/1.1\r\nHost: a\r\n'],
    ['stops in the middle of its body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf'],
  ])('does not wait for ever for a client that %s', async (_, text) => {
    const { server, port } = await startServer((request, response) => {
      request.resume().on('end', () => response.end())
    })
    const accepted = once(server, 'connection')
    const socket = await openSocket(port, text)
    const ended = once(socket, 'close')
    await accepted
    const startedAt = performance.now()
    await closeServer(server, { graceMs: 200 })
    expect(performance.now() - startedAt).toBeLessThan(1_500)
    await ended
  })
})

function askOnce(agent: Agent, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, agent }, (response: IncomingMessage) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode))
    })
    request.once('error', reject)
  })
}
