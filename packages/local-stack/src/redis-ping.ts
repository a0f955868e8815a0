import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type HostAndPort, parseRedisUrl, redisHosts } from '@vss-pipeline/runtime'

const timeoutMs = 3_000

/**
 * Asks a Redis for PONG, with the URL's user and password. Where the URL has several nodes of a cluster, or sentinels, one
 * that answers is enough.
 *
 * @throws an Error with the words of the server or the network when it cannot be reached, refuses the password, is
 * loading its data or does not answer within 3 s. The message never holds the password.
 */
export async function pingRedis(redisUrl: string): Promise<void> {
  const access = readAccess(redisUrl)
  const attempts = redisHosts(redisUrl).map((host) => ping(host, access))
  await Promise.any(attempts).catch((error: AggregateError) => {
    throw error.errors[0]
  })
}

interface Access {
  isTls: boolean
  /** User and password, or the password alone; empty without any. */
  credentials: string[]
}

function readAccess(redisUrl: string): Access {
  const address = parseRedisUrl(redisUrl)
  if (address.kind === 'server') {
    const { protocol, username, password } = new URL(redisUrl)
    const credentials = [username, password].map(decodeURIComponent).filter((part) => part !== '')
    return { isTls: protocol === 'rediss:', credentials }
  }
  const { username, password } = address.kind === 'cluster' ? address : address.sentinel
  return { isTls: address.tls, credentials: [username, password].filter((part) => part !== undefined) }
}

async function ping(address: HostAndPort, { isTls, credentials }: Access): Promise<void> {
  const socket = isTls ? connectTls({ ...address, servername: address.host }) : connect(address)
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)))
  const commands = [['PING']]
  if (credentials.length > 0) commands.unshift(['AUTH', ...credentials])
  try {
    socket.write(commands.map(encodeCommand).join(''))
    await readReplies(socket, commands.length)
  } finally {
    socket.destroy()
  }
}

/** Encodes a command as an array of bulk strings: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function encodeCommand(words: string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
  return `*${words.length}\r\n${parts.join('')}`
}

async function readReplies(socket: Socket, count: number): Promise<void> {
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
    if (received.split('\r\n').length > count) socket.emit('replies')
  })
  socket.once('end', () => socket.destroy(new Error('the server closed the connection')))
  await once(socket, 'replies')
  const refusal = received.split('\r\n').find((line) => line.startsWith('-'))
  if (refusal) throw new Error(refusal.slice(1))
}
