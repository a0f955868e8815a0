import { once } from 'node:events'
import { connect } from 'node:net'

/** Sends bytes that need not be HTTP, and ends its side. @returns the bytes that come back until the server ends. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (part) => (received += part))
  socket.on('error', () => undefined)
  socket.end(text)
  await once(socket, 'close')
  return received
}
