import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { type RunningIngest, startIngest } from './running-ingest.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

type Message = Record<string, unknown>

/** Follows a channel by its name, as code without OpenTelemetry does, until the test has finished. */
function follow(name: string, onMessage: (message: Message) => void): void {
  const listener = (message: unknown) => onMessage(message as Message)
  subscribe(name, listener)
  onTestFinished(() => void unsubscribe(name, listener))
}

async function post({ url }: RunningIngest, headers: Record<string, string> = {}): Promise<number> {
  const { statusCode, body } = await request(url, { method: 'POST', body: 'x', headers })
  await body.dump()
  return statusCode
}

test('a request is published with its delivery and its answer, without OpenTelemetry', async () => {
  const messages: Message[] = []
  follow('tracing:vss:request:asyncEnd', (message) => messages.push(message))
  const ingest = await startIngest()
  await post(ingest)
  expect(messages).toMatchObject([{ delivery: ingest.kept[0], result: { status: 200 } }])
})

/** Follows deliveries that are accepted, which needs somebody who follows the requests. */
function followAccepted(onMessage: (message: Message) => void): void {
  follow('tracing:vss:request:start', () => undefined)
  follow('vss:accept', onMessage)
}

test('a subscriber gives a delivery the context that travels with it', async () => {
  followAccepted((message) => {
    message.traceparent = traceparent
  })
  const ingest = await startIngest()
  await post(ingest)
  expect(ingest.kept).toMatchObject([{ context: { traceparent } }])
})

test("without subscribers a sender's traceparent goes nowhere", async () => {
  const ingest = await startIngest()
  await post(ingest, { traceparent })
  expect(ingest.kept[0]).not.toHaveProperty('context')
})

test('a sender is told of with its traceparent once it is authentic, and not before', async () => {
  const parents: unknown[] = []
  followAccepted(({ parent }) => parents.push(parent))
  const ingest = await startIngest({ config: { webhookSecrets: ['correct-horse-battery'] } })
  expect(await post(ingest, { traceparent })).toBe(401)
  expect(parents).toEqual([])
  expect(await post(ingest, { traceparent, authorization: 'correct-horse-battery' })).toBe(200)
  expect(parents).toEqual([traceparent])
})

test('a defect is logged with the delivery that met it and its trace', async () => {
  const ids: unknown[] = []
  followAccepted((message) => {
    message.traceparent = traceparent
  })
  const ingest = await startIngest({
    createKeep: () => async (delivery) => {
      ids.push(delivery.deliveryId)
      throw new Error('a defect')
    },
  })
  expect(await post(ingest)).toBe(500)
  const lines = ingest.logLines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'error')
  expect(lines).toMatchObject([
    { deliveryId: ids[0], trace_id: '0af7651916cd43dd8448eb211c80319c', err: { message: 'a defect' } },
  ])
})
