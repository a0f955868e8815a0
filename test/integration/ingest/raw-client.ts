import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A connection that sends any bytes, well-formed or not, and reads the answers as text. */
export interface RawClient {
  socket: Socket
  send(data: string | Uint8Array): void
  /** The bytes that came back so far. */
  readonly received: string
  /** Resolves with all bytes that came back, when the server has closed the connection. */
  ended: Promise<string>
}

export interface Answer {
  status: number
  headers: Map<string, string>
  body: string
}

export async function openRawClient(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (text) => (received += text))
  socket.on('error', () => undefined)
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(received)))
  await once(socket, 'connect')
  return {
    socket,
    send: (data) => void socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data),
    get received() {
      return received
    },
    ended,
  }
}

/** Sends one request as it stands. @returns the first answer, when the server has closed the connection. */
export async function exchange(port: number, request: string): Promise<Answer> {
  const client = await openRawClient(port)
  client.send(request)
  const [answer] = parseAnswers(await client.ended)
  if (answer === undefined) throw new Error('the server closed without an answer')
  return answer
}

/** Splits answers that came one after the other; each must have a Content-Length. */
export function parseAnswers(text: string): Answer[] {
  const answers: Answer[] = []
  for (let rest = text; rest !== ''; ) {
    const headEnd = rest.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = rest.slice(0, headEnd).split('\r\n')
    const headers = new Map(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    )
    const bodyEnd = headEnd + 4 + Number(headers.get('content-length') ?? 0)
    answers.push({
      status: Number(statusLine.split(' ')[1]),
      headers,
      body: rest.slice(headEnd + 4, bodyEnd),
    })
    rest = rest.slice(bodyEnd)
  }
  return answers
}
