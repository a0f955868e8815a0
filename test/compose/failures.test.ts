import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { until } from '@vss-pipeline/local-stack'
import { expect, onTestFinished, test } from 'vitest'
import { createStack, type Service, type Stack } from './stack.ts'

test('a wrong password ends `up`, and the log says so; a worker with a wrong password stays unready', async () => {
  const stack = await createStack()
  await stack.up()

  // The volume keeps the password that it was made with.
  const { code } = await stack.compose(['up', '-d'], { POSTGRES_PASSWORD: 'wrong' })
  expect(code).not.toBe(0)
  expect(await stack.logs('roles')).toContain('password authentication failed for user "vss"')

  await stack.compose(['up', '-d', '--no-deps', 'worker'], { WORKER_POSTGRES_PASSWORD: 'wrong' })
  await untilLogged(stack, 'worker', 'password authentication failed')
  await stack.untilHealth('worker', 'unhealthy')
})

test('an unreachable database ends `up`, and the log names it', async () => {
  const stack = await createStack()

  const { code } = await stack.compose(['up', '-d'], {
    DATABASE_URL: 'postgres://vss@nowhere.invalid:5432/vss',
  })

  expect(code).not.toBe(0)
  expect(await stack.logs('migrate')).toMatch(/migrate: the database cannot be reached: .*nowhere\.invalid/)
})

test('while the database is away, the worker is unready and ingest goes on; deliveries are stored later', async () => {
  const stack = await createStack()
  await stack.up()
  await stack.compose(['stop', 'postgres'])

  const response = await fetch(stack.webhookUrl, { method: 'POST', body: '{}' })
  expect(response.status).toBe(200)
  await untilLogged(stack, 'worker', 'the database is away: batches wait in hand')
  await stack.untilHealth('worker', 'unhealthy')
  await stack.untilHealth('ingest', 'healthy')

  await stack.compose(['start', 'postgres'])
  await stack.untilHealth('worker', 'healthy')
  const pool = await stack.openPool()
  await until(
    'The delivery in the ledger',
    async () => (await pool.query('SELECT FROM vss.deliveries')).rowCount === 1,
    { timeoutMs: 10_000 },
  )
})

test('while Redis is away, ingest keeps deliveries on a volume; they are stored later, though it was killed', async () => {
  const stack = await createStack()
  await stack.up()
  await stack.compose(['stop', 'redis'])

  const response = await fetch(stack.webhookUrl, { method: 'POST', body: '{}' })
  expect(response.status).toBe(200)
  await untilLogged(stack, 'ingest', 'Redis is away')
  await stack.compose(['kill', 'ingest'])
  await stack.compose(['start', 'redis', 'ingest'])

  const pool = await stack.openPool()
  await until('The row', async () => (await pool.query('SELECT FROM vss.deliveries')).rowCount === 1, {
    timeoutMs: 30_000,
  })
})

test('a busy port ends `up`, and the message names the port', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  await once(squatter, 'listening')
  const { port } = squatter.address() as AddressInfo
  const stack = await createStack({ settings: { INGEST_PORT: `127.0.0.1:${port}` } })

  const { code, output } = await stack.compose(['up', '-d'])

  expect(code).not.toBe(0)
  expect(output).toContain(`:${port}`)
  expect(output).toMatch(/address already in use|port is already allocated/)
})

test('a service with a wrong setting names it in the log', async () => {
  const stack = await createStack()

  await stack.compose(['up', '-d', 'ingest'], { LOG_LEVEL: 'loud' })

  await untilLogged(stack, 'ingest', 'ingest: LOG_LEVEL is "loud": it takes one of trace, debug, info')
})

async function untilLogged(stack: Stack, service: Service, text: string): Promise<void> {
  await until(`"${text}" in the log of ${service}`, async () => (await stack.logs(service)).includes(text), {
    timeoutMs: 30_000,
  })
}
