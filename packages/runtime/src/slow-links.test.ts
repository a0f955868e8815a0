import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type LookupFunction, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { allowSlowLinks } from './slow-links.ts'

// Other systems do not keep a SYN waiting for a program that is stopped.
test.skipIf(process.platform !== 'linux')(
  'a name is connected to though its first address takes a second to answer and its second one refuses',
  async () => {
    allowSlowLinks()
    const server = await startStoppedServer()
    const socket = open(server.port, (_name, _options, callback) =>
      callback(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]),
    )
    // The first SYN has been sent, and dropped. The next one comes after 1 s.
    server.continue()

    await once(socket, 'connect')
    expect(socket.remoteAddress).toBe('127.0.0.1')
  },
)

/** A listener whose program is stopped and whose backlog is full. It takes a connection only once it continues. */
async function startStoppedServer(): Promise<{ port: number; continue(): void }> {
  const script = `const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = await once(child.stdout, 'data')
  const port = Number(line)
  child.kill('SIGSTOP')
  // Linux takes one connection more than the backlog.
  for (let taken = 0; taken < 2; taken++) await once(open(port), 'connect')
  return { port, continue: () => void child.kill('SIGCONT') }
}

function open(port: number, lookup?: LookupFunction): Socket {
  const socket = connect({ port, host: 'server.example', ...(lookup ? { lookup } : { host: '127.0.0.1' }) })
  onTestFinished(() => void socket.destroy())
  return socket
}
