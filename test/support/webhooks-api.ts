import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** A webhook as the Webhooks API of 8x8 keeps it. It never tells the secret. */
export interface KeptWebhook {
  type: string
  url: string
  enabled: boolean
  httpAuthHeader?: string
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server that does what the documentation of 8x8 says of its Webhooks API. */
export interface WebhooksApiServer {
  url: string
  /** The key that it knows. */
  key: string
  /** The webhooks of the only sub-account that it knows, `acme`. A test may change them. */
  webhooks: KeptWebhook[]
  /** The methods and paths that were asked for. */
  requests: string[]
  /** Requests with this method are answered so, in place of the API; every request without a method. */
  answerWith(answer: Answer, method?: string): void
}

const path = '/api/v1/subaccounts/acme/webhooks'

/** Starts it on loopback. It stops when the test has finished. */
export async function startWebhooksApi(): Promise<WebhooksApiServer> {
  const key = 'key-of-the-portal'
  const answers = new Map<string | undefined, Answer>()
  const api: WebhooksApiServer = {
    url: '',
    key,
    webhooks: [],
    requests: [],
    answerWith: (answer, method) => answers.set(method, answer),
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request
    api.requests.push(`${method} ${url}`)
    const special = answers.get(method) ?? answers.get(undefined)
    if (special) return special(request, response)
    if (headers.authorization !== `Bearer ${key}`) return sendError(response, 401, 'Unauthorized')
    if (method === 'GET' && url === path) return sendList(response)
    if (method === 'POST' && url === path) {
      const webhook = (await json(request)) as KeptWebhook
      if (!URL.canParse(webhook.url)) return sendError(response, 422, 'url is not valid')
      api.webhooks.push(webhook)
      return sendList(response)
    }
    const index = api.webhooks.findIndex(({ type }) => url === `${path}/${type}`)
    if (method !== 'DELETE' || index < 0) return sendError(response, 404, 'Not found')
    api.webhooks.splice(index, 1)
    return sendList(response)
  }

  function sendList(response: ServerResponse): void {
    const webhooks = api.webhooks.map(({ httpAuthHeader, ...webhook }) => ({
      ...webhook,
      httpAuthHeaderAvailable: httpAuthHeader !== undefined,
    }))
    send(response, 200, {
      subAccountId: 'acme',
      count: webhooks.length,
      webhooks,
      statusCode: 0,
      statusMessage: 'OK',
    })
  }

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return api
}

/** Answers an error in the form of the API. */
export function sendError(response: ServerResponse, status: number, statusMessage: string): void {
  const timestamp = new Date().toISOString()
  send(response, status, { errorId: '7f1c2f5e-ea6d-11ee', statusCode: status, statusMessage, timestamp })
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
