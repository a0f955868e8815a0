import { once } from 'node:events'
import { createServer } from 'node:http'
import { until } from '@vss-pipeline/local-stack'
import { describe, expect, it } from 'vitest'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { linesOver80Columns, startVss, vss } from '../../support/vss-command.ts'
import { sendError, startWebhooksApi, type WebhooksApiServer } from '../../support/webhooks-api.ts'

const secret = 'a secret of ours'
const url = 'https://vss.example.com/webhooks/vss'
const register = ['webhook', 'register', '--sub-account', 'acme', '--url', url]
const list = ['webhook', 'list', '--sub-account', 'acme']

const ours = { type: 'VSS', url, enabled: true, httpAuthHeader: secret }
const others = { type: 'VSS', url: 'https://other.example.com/vss?token=hush', enabled: true }
const ofSms = { type: 'VCA', url: 'https://vss.example.com/calls', enabled: false, httpAuthHeader: 'other' }

it('registers the URL with the first secret, and tells programs', async () => {
  const api = await startWebhooksApi()
  const env = { ...settingsOf(api), WEBHOOK_SECRETS: `${secret},old secret` }
  const { exitCode, stdout, stderr } = await vss([...register, '--yes', '--json'], env)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({
    registered: true,
    change: 'new',
    before: null,
    webhook: { type: 'VSS', url, isEnabled: true, hasSecret: true },
    firstDelivery: null,
  })
  expect(api.webhooks).toEqual([ours])
})

it('lists all webhooks of the sub-account, without secrets', async () => {
  const api = await startWebhooksApi()
  expect(await vss(list, settingsOf(api))).toMatchObject({ stdout: 'sub-account acme has no webhook\n' })
  api.webhooks = [others, ofSms]
  const { stdout } = await vss(list, settingsOf(api))
  expect(stdout).toBe(`TYPE  STATE     SECRET       URL
VSS   enabled   no secret    https://other.example.com/vss?…
VCA   disabled  with secret  https://vss.example.com/calls
`)
  const json = await vss([...list, '--json'], settingsOf(api))
  expect(JSON.parse(json.stdout)).toMatchObject([
    { url: 'https://other.example.com/vss?…' },
    { url: 'https://vss.example.com/calls' },
  ])
  api.webhooks = [{ ...others, url: 'https://user:hush@other.example.com/vss' }]
  const withPassword = await vss([...list, '--json'], settingsOf(api))
  expect(JSON.parse(withPassword.stdout)).toMatchObject([{ url: 'https://other.example.com/vss' }])
})

it('changes nothing where it is registered already, unless the secret is to be renewed', async () => {
  const api = await startWebhooksApi()
  api.webhooks = [{ ...ours, httpAuthHeader: 'old secret' }]
  const again = await vss([...register, '--yes'], settingsOf(api))
  expect(again).toMatchObject({ exitCode: 0, stderr: '' })
  expect(again.stdout).toContain('there already: nothing was changed')
  expect(api.webhooks[0]!.httpAuthHeader).toBe('old secret')

  expect((await vss([...register, '--yes', '--renew'], settingsOf(api))).exitCode).toBe(0)
  expect(api.webhooks).toEqual([ours])
})

it('says where events go now, and replaces that webhook only when it is confirmed', async () => {
  const api = await startWebhooksApi()
  api.webhooks = [others, ofSms]
  expect(await vss(register, settingsOf(api))).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: `vss: 8x8 will post the events of sub-account acme to ${url}, and loses events while it changes from another: give --yes to confirm it\n`,
  })
  const dry = await vss([...register, '--dry-run'], settingsOf(api))
  expect(dry.stdout).toContain('would remove\n')
  expect(dry.stdout).toContain(`would register\n${url}\n`)
  expect(dry.stdout).not.toContain('hush')
  expect(linesOver80Columns(dry.stdout)).toEqual([])
  expect(api.webhooks).toEqual([others, ofSms])

  const { stdout } = await vss([...register, '--yes', '--json'], settingsOf(api))
  expect(JSON.parse(stdout)).toMatchObject({
    registered: true,
    change: 'replaced',
    before: { url: 'https://other.example.com/vss?…' },
  })
  expect(api.webhooks).toEqual([ofSms, ours])
})

it('says that events are lost where the old webhook is removed, and the new one refused', async () => {
  const api = await startWebhooksApi()
  api.webhooks = [others]
  api.answerWith((_, response) => sendError(response, 500, 'broken'), 'POST')
  const { exitCode, stderr } = await vss([...register, '--yes'], settingsOf(api))
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /^vss: the webhook to https:\/\/other\.example\.com\/vss\?… is removed, and the new one is not sure: events are lost until one is registered: .* it failed: try again later: "broken" \(HTTP 500, error id 7f1c2f5e-ea6d-11ee\)\n$/,
  )
})

it('does not believe a registration that the list does not show', async () => {
  const api = await startWebhooksApi()
  api.answerWith((_, response) => response.writeHead(200).end('{}'), 'POST')
  const { exitCode, stderr } = await vss([...register, '--yes'], settingsOf(api))
  expect(exitCode).toBe(1)
  expect(stderr).toContain('8x8 took the registration, and does not list it')
})

it('removes the webhook when that is confirmed', async () => {
  const api = await startWebhooksApi()
  api.webhooks = [ours, ofSms]
  const remove = ['webhook', 'remove', '--sub-account', 'acme']
  expect(await vss(remove, settingsOf(api))).toMatchObject({ exitCode: 2, stdout: '' })
  expect((await vss([...remove, '--dry-run'], settingsOf(api))).stdout).toMatch(/^would remove\n/)
  expect(api.webhooks).toEqual([ours, ofSms])
  const done = await vss([...remove, '--yes', '--json'], settingsOf(api))
  expect(JSON.parse(done.stdout)).toMatchObject({ removed: true, webhook: { url } })
  expect(api.webhooks).toEqual([ofSms])
  const nothing = await vss([...remove, '--yes'], settingsOf(api))
  expect(nothing.exitCode).toBe(1)
  expect(nothing.stderr).toContain('has no webhook of type VSS')
})

it('shows the first event that comes', async () => {
  const api = await startWebhooksApi()
  const { webhookUrl, databaseUrl } = await startRunningPipeline()
  const env = { ...settingsOf(api), DATABASE_URL: databaseUrl }
  const event = { ...sessionOf('1f048a84-ea6d-11ee-911b-078f7290bf52', 'someone_else') }
  const running = startVss(
    ['webhook', 'register', '--sub-account', 'acme', '--url', webhookUrl, '--yes', '--wait', '1m', '--json'],
    env,
  )
  await until('The registration', () => api.webhooks.length === 1, { timeoutMs: 20_000 })
  await post(webhookUrl, event)
  await post(webhookUrl, sessionOf('2f048a84-ea6d-11ee-911b-078f7290bf52', 'acme'))

  const { exitCode, stdout, stderr } = await running.ended
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: 'vss: waiting for the first event: make a call\n',
  })
  expect(JSON.parse(stdout).firstDelivery).toEqual({
    deliveryId: expect.any(String),
    receivedAt: expect.any(String),
    sessionId: '2f048a84-ea6d-11ee-911b-078f7290bf52',
    outcome: 'stored',
    reasons: [],
  })
})

it('exits 1 where no event comes, or a first one that was rejected', async () => {
  const api = await startWebhooksApi()
  const { webhookUrl, databaseUrl } = await startRunningPipeline()
  const env = { ...settingsOf(api), DATABASE_URL: databaseUrl }
  const nothing = await vss([...register, '--yes', '--wait', '1s'], env)
  expect(nothing.exitCode).toBe(1)
  expect(nothing.stderr).toContain('no event of sub-account acme came')

  // It is registered already, and waits all the same.
  const running = startVss([...register, '--wait', '1m'], env)
  await once(running.process.stderr!, 'data')
  await post(webhookUrl, 'no JSON')
  const { exitCode, stdout } = await running.ended
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(
    /^the first event came at \S+Z, and was rejected: malformed_json\nvss sessions show /m,
  )
})

it('changes nothing where --wait has no database', async () => {
  const api = await startWebhooksApi()
  const env = { ...settingsOf(api), DATABASE_URL: 'postgres://vss:geheim@127.0.0.1:1/vss' }
  const { exitCode, stderr } = await vss([...register, '--yes', '--wait', '1m'], env)
  expect(exitCode).toBe(1)
  expect(stderr).toContain('Postgres is away')
  expect(api.webhooks).toEqual([])
})

describe('an answer that is no use', () => {
  it.each([
    [401, 'it does not know the API key: VSS_API_KEY takes one of the customer portal'],
    [403, 'the API key may not do this for sub-account acme'],
    [404, 'there is no sub-account acme'],
    [422, 'it refuses a parameter'],
    [429, 'it refuses the request'],
    [500, 'it failed: try again later'],
  ])('HTTP %d is explained', async (status, reason) => {
    const api = await startWebhooksApi()
    api.answerWith((_, response) =>
      sendError(response, status, `because of ${api.key} and ${secret}\u001b[31m`),
    )
    const { exitCode, stdout, stderr } = await vss(list, settingsOf(api))
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toContain(`(from VSS_API_URL): ${reason}`)
    expect(stderr).toContain(
      `: "because of … and …\\u001b[31m" (HTTP ${status}, error id 7f1c2f5e-ea6d-11ee)\n`,
    )
  })

  it('a redirect is not followed, so that the key stays', async () => {
    const api = await startWebhooksApi()
    const asked: string[] = []
    const elsewhere = createServer((request, response) => {
      asked.push(String(request.headers.authorization))
      response.end('{}')
    })
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    const location = `http://127.0.0.1:${(elsewhere.address() as { port: number }).port}/`
    api.answerWith((_, response) => response.writeHead(302, { location }).end())
    const { exitCode, stderr } = await vss(list, settingsOf(api))
    elsewhere.close()
    expect(exitCode).toBe(1)
    expect(stderr).toContain('it redirects, and the API key goes to no other address')
    expect(asked).toEqual([])
  })

  it.each([
    ['no JSON', '<html>'],
    ['no object', '[]'],
    ['a list of other things', '{"webhooks": [{"type": "VSS", "url": 7, "enabled": "yes"}]}'],
    ['JSON of another kind', '{"__proto__": {"webhooks": []}}'],
  ])('%s is refused', async (_, text) => {
    const api = await startWebhooksApi()
    api.answerWith((_, response) => response.writeHead(200).end(text))
    const { exitCode, stderr } = await vss(list, settingsOf(api))
    expect(exitCode).toBe(1)
    expect(stderr).toContain('its answer is no list of webhooks: see that VSS_API_URL')
  })

  it('an endless one is cut off', async () => {
    const api = await startWebhooksApi()
    api.answerWith((_, response) => {
      response.writeHead(200)
      const write = () => {
        while (response.write('x'.repeat(16_384)));
      }
      response.on('drain', write)
      write()
    })
    const { exitCode, stderr } = await vss(list, settingsOf(api))
    expect(exitCode).toBe(1)
    expect(stderr).toContain('its answer is longer than 64 KiB')
  })

  it('one that never ends, a byte at a time, is given up', { timeout: 60_000 }, async () => {
    const api = await startWebhooksApi()
    api.answerWith((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 200)
      response.on('close', () => clearInterval(timer))
    })
    const { exitCode, stderr } = await vss(list, settingsOf(api))
    expect(exitCode).toBe(1)
    expect(stderr).toContain('no answer within 15 s: try again later')
  })

  it('none at all is explained', async () => {
    const env = { VSS_API_KEY: 'key', VSS_API_URL: 'http://127.0.0.1:1' }
    const { exitCode, stderr } = await vss(list, env)
    expect(exitCode).toBe(1)
    expect(stderr).toBe(
      'vss: 127.0.0.1:1 (from VSS_API_URL): it cannot be reached (ECONNREFUSED): see VSS_API_URL and the network\n',
    )
  })
})

it('shows neither key nor secret, whatever happens', async () => {
  const api = await startWebhooksApi()
  const outputs = [
    await vss(list, { ...settingsOf(api), VSS_API_KEY: 'another-key' }),
    await vss(list, { ...settingsOf(api), VSS_API_KEY: `${api.key}\n${api.key}` }),
    await vss([...register, '--yes'], { ...settingsOf(api), WEBHOOK_SECRETS: `${secret}é` }),
    await vss([...register, '--yes'], settingsOf(api)),
    await vss([...register, '--dry-run'], settingsOf(api)),
  ]
  expect(outputs.map(({ exitCode }) => exitCode)).toEqual([1, 2, 2, 0, 0])
  for (const { stdout, stderr } of outputs) {
    for (const hidden of ['another-key', api.key, secret]) expect(stdout + stderr).not.toContain(hidden)
  }
})

it('shows neither key nor secret where the server repeats them', async () => {
  const api = await startWebhooksApi()
  async function expectNoKey(args: string[], expectedExitCode: number): Promise<void> {
    const { exitCode, stdout, stderr } = await vss(args, settingsOf(api))
    expect(exitCode).toBe(expectedExitCode)
    expect(stdout + stderr).not.toContain(api.key)
  }
  api.webhooks = [{ type: api.key, url: `https://other.example.com/${api.key}`, enabled: true }]
  await expectNoKey(list, 0)
  await expectNoKey([...list, '--json'], 0)
  api.answerWith((_, response) => response.writeHead(500).end(JSON.stringify({ errorId: api.key })))
  await expectNoKey(list, 1)
})

it.each([
  [{ VSS_API_KEY: '' }, list, 'VSS_API_KEY is not set: it takes a key that was made in the customer portal'],
  [{ WEBHOOK_SECRETS: '' }, register, 'WEBHOOK_SECRETS is not set: it takes the secrets that ingest has'],
  [{ VSS_API_URL: 'http://voice.example.com' }, list, 'VSS_API_URL is no such address: it takes a URL'],
])('with %o says what is missing, and exits 2', async (env, args, message) => {
  const { exitCode, stdout, stderr } = await vss(args, {
    VSS_API_KEY: 'key',
    VSS_API_URL: 'http://127.0.0.1:1',
    WEBHOOK_SECRETS: secret,
    ...env,
  })
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(message)
})

function settingsOf({ url: VSS_API_URL, key: VSS_API_KEY }: WebhooksApiServer) {
  return { VSS_API_URL, VSS_API_KEY, WEBHOOK_SECRETS: secret }
}

function sessionOf(sessionId: string, subAccountId: string): object {
  const payload = { sessionId, subAccountId, sessionStatus: 'COMPLETED', startTime: '2026-03-01T09:30:00Z' }
  return { namespace: 'VOICE', eventType: 'SESSION_SUMMARY', payload }
}

async function post(webhookUrl: string, event: object | string): Promise<void> {
  const body = typeof event === 'string' ? event : JSON.stringify(event)
  const { status } = await fetch(webhookUrl, { method: 'POST', body })
  expect(status).toBe(200)
}
