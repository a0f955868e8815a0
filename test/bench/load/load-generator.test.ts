import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type LoadGenerator, loadGenerator, prepareLoad } from './load-generator.ts'

const generators = [...new Set<LoadGenerator>([loadGenerator, 'autocannon'])]

/** Bodies that hold line breaks, NULs and characters beyond ASCII, some of them twice. */
const bodies = Array.from({ length: 500 }, (_, index) => Buffer.from(`{"n":${index % 400}}\n12\n\0é`))

describe.each(generators)('%s', (generator) => {
  test('posts each body once, byte for byte, and none before the command', async () => {
    const received: string[] = []
    const url = await serve((_, body) => {
      received.push(body.toString('latin1'))
      return 200
    })
    const load = await prepareLoad(url, bodies, generator)
    expect(received).toEqual([])
    const ms = await load.post()
    expect(ms).toBeGreaterThan(0)
    expect(received.sort()).toEqual(bodies.map((body) => body.toString('latin1')).sort())
    await load.end()
    expect(received).toHaveLength(bodies.length)
  })

  test('fails when a post is not answered with 200', async () => {
    let count = 0
    const url = await serve(() => (++count === 100 ? 503 : 200))
    const load = await prepareLoad(url, bodies, generator)
    await load.post()
    await expect(load.end()).rejects.toThrow('499 of 500 posts were answered with 200')
  })
})

/** @returns the URL of a server that answers POSTs with the status that `answer` returns. */
async function serve(answer: (request: IncomingMessage, body: Buffer) => number): Promise<string> {
  const server = createServer(async (request, response) => {
    response.writeHead(answer(request, await buffer(request)), { 'content-type': 'application/json' })
    response.end('{}')
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/vss`
}
