import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { choosePort } from './ports.ts'

/** The lowest port that Linux gives to connections that go out, and macOS has a higher one. */
const firstOutgoing = 32_768

test('no connection that goes out gets a chosen port before its server does', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => choosePort(0)))
  expect(Math.max(...ports)).toBeLessThan(firstOutgoing)
})

test('a port that is wanted is chosen if it is free, and another one if it is not', async () => {
  const wanted = await choosePort(0)
  expect(await choosePort(wanted)).toBe(wanted)

  const server = createServer().listen(wanted, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  expect(await choosePort(wanted)).not.toBe(wanted)
})
