import { connect, type Socket } from 'node:net'
import { generateEvents } from '@vss-pipeline/generator'
import { expect, onTestFinished, test } from 'vitest'
import { expectKept, startFaultyPipeline } from '../support/faulty-pipeline.ts'
import { postUntilAcknowledged } from '../support/load.ts'

/** Sends a request at one byte a second, and never ends it. */
function openSlowClient(port: number, onClose: () => void): Socket {
  const socket = connect(port, '127.0.0.1')
  let sent = 0
  const head = 'POST /webhooks/vss HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000\r\n\r\n'
  const timer = setInterval(() => socket.write(head[sent++] ?? 'x'), 1_000)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    clearInterval(timer)
    onClose()
  })
  return socket
}

test('a thousand slow clients slow down no other client, and are cut off', async () => {
  const pipeline = await startFaultyPipeline({ env: { REQUEST_TIMEOUT_MS: '4000' } })
  const port = Number(new URL(pipeline.webhookUrl).port)
  let open = 1_000
  const allClosed = new Promise<void>((resolve) => {
    const sockets = Array.from({ length: open }, () =>
      openSlowClient(port, () => {
        open--
        if (open === 0) resolve()
      }),
    )
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
    })
  })

  const events = generateEvents({ seed: 'slow-clients', count: 3_000, dirtyShare: 0.05 })
  const startedAt = performance.now()
  const { acknowledged, answers } = await postUntilAcknowledged(pipeline.webhookUrl, events, {
    connections: 8,
  })
  const tookMs = performance.now() - startedAt
  expect(Object.fromEntries(answers)).toEqual({ 200: 3_000 })
  expect(tookMs / 3_000, 'milliseconds a POST').toBeLessThan(10)
  await allClosed
  await expectKept(pipeline, acknowledged, { withinMs: 30_000 })
  console.log(
    `slow clients: 3,000 POSTs in ${Math.round(tookMs)} ms beside 1,000 clients that send a byte a second`,
  )
})
