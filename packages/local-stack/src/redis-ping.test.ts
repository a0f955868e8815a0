import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, inject, onTestFinished, test } from 'vitest'
import { pingRedis } from './redis-ping.ts'

test('a Redis answers', async () => {
  await expect(pingRedis(inject('redisUrl'))).resolves.toBeUndefined()
})

test('the error of a refused password does not show the password', async () => {
  const url = new URL(inject('redisUrl'))
  url.username = 'nobody'
  url.password = 'guess'
  const failure = await pingRedis(url.href).catch((error: Error) => error)
  expect(failure).toBeInstanceOf(Error)
  expect((failure as Error).message).toMatch(/WRONGPASS/)
  expect((failure as Error).message).not.toContain('guess')
})

test('a server that hangs up is an error', async () => {
  const port = await listen((socket) => socket.end())
  await expect(pingRedis(`redis://127.0.0.1:${port}`)).rejects.toThrow(/closed the connection|ECONNRESET/)
})

test('a server that does not answer is an error after 3 s', async () => {
  const port = await listen(() => undefined)
  await expect(pingRedis(`redis://127.0.0.1:${port}`)).rejects.toThrow('no answer within 3 s')
})

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer(onConnection).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
