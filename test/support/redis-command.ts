import { once } from 'node:events'
import { connect } from 'node:net'

/** Sends one command to a Redis; its words must need no quotes. @returns the answer as Redis' protocol writes it. */
export async function redisCommand(url: string, command: string): Promise<string> {
  const { port, password } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk))
  socket.write(`AUTH ${password}\r\n${command}\r\nQUIT\r\n`)
  await once(socket, 'close')
  return answer.replace(/^\+OK\r\n/, '').replace(/\+OK\r\n$/, '')
}
