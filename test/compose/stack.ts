import { choosePort, until } from '@vss-pipeline/local-stack'
import { createPool, type Pool } from '@vss-pipeline/storage'
import { inject, onTestFinished } from 'vitest'
import { type CommandResult, compose, docker } from './command.ts'

/** The services that keep running; roles and migrate end. */
const lastingServices = ['ingest', 'worker', 'console', 'postgres', 'redis'] as const
export type Service = (typeof lastingServices)[number] | 'migrate' | 'roles'

export interface Container {
  id: string
  health: string | undefined
  /** Its addresses on the stack's network. */
  addresses: string[]
  inspected: Inspected
}

/** The part of `docker inspect` that these tests read. */
interface Inspected {
  Image: string
  State: { Status: string; ExitCode: number; Health?: { Status: string } }
  Config: { User: string; Env: string[] }
  HostConfig: {
    ReadonlyRootfs: boolean
    CapDrop: string[]
    CapAdd: string[] | null
    SecurityOpt: string[]
    Init: boolean
  }
  NetworkSettings: {
    Networks: Record<string, { IPAddress: string }>
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null>
  }
}

export interface Stack {
  webhookUrl: string
  /** Runs any compose command. `settings` are added to the stack's own. */
  compose(args: readonly string[], settings?: NodeJS.ProcessEnv): Promise<CommandResult>
  /** Runs `up -d`, and waits until every service that keeps running is healthy. */
  up(args?: readonly string[], settings?: NodeJS.ProcessEnv): Promise<void>
  containers(service: Service): Promise<Container[]>
  untilHealth(service: Service, health: 'healthy' | 'unhealthy'): Promise<void>
  /** The log of a service since its container was created. */
  logs(service: Service): Promise<string>
  /** Runs a statement with psql in the container of Postgres. @returns the rows, with `|` between columns. */
  psql(statement: string, options?: { user?: string; database?: string }): Promise<string>
  /** Opens a pool on the port that Postgres has now: it gets another one with each new container. */
  openPool(): Promise<Pool>
}

/** Makes a stack that does not run yet. It is removed with its volumes when the test has finished or failed. */
export async function createStack(
  options: { settings?: NodeJS.ProcessEnv; files?: readonly string[] } = {},
): Promise<Stack> {
  const projectName = inject('projectName')
  const [port, consolePort] = [await choosePort(0), await choosePort(0)]
  const { files = [] } = options
  const ownSettings = {
    INGEST_PORT: `127.0.0.1:${port}`,
    CONSOLE_PUBLISHED: `127.0.0.1:${consolePort}`,
    ...options.settings,
  }

  async function runCompose(
    args: readonly string[],
    settings: NodeJS.ProcessEnv = {},
  ): Promise<CommandResult> {
    return await compose(projectName, args, { env: { ...ownSettings, ...settings }, files })
  }

  async function containers(service: Service): Promise<Container[]> {
    const filters = [
      `label=com.docker.compose.project=${projectName}`,
      `label=com.docker.compose.service=${service}`,
    ]
    const listed = await docker([
      'ps',
      '--all',
      '--quiet',
      ...filters.flatMap((filter) => ['--filter', filter]),
    ])
    if (listed === '') return []
    const ids = listed.split('\n')
    const inspected = JSON.parse(await docker(['inspect', ...ids])) as Inspected[]
    return inspected.map((one, at) => ({
      id: ids[at]!,
      health: one.State.Health?.Status,
      addresses: Object.values(one.NetworkSettings.Networks).map(({ IPAddress }) => IPAddress),
      inspected: one,
    }))
  }

  async function untilHealth(service: Service, health: string): Promise<void> {
    await until(
      `Every container of ${service} ${health}`,
      async () => {
        const found = await containers(service)
        return found.length > 0 && found.every((container) => container.health === health)
      },
      { timeoutMs: 60_000 },
    )
  }

  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') {
      const { output } = await runCompose(['logs', '--no-color', '--tail', '30'])
      console.error(`The last lines of the containers' logs:\n${output}`)
    }
    await runCompose(['down', '--volumes', '--remove-orphans', '--timeout', '1'])
  })

  return {
    webhookUrl: `http://127.0.0.1:${port}/webhooks/vss`,
    compose: runCompose,
    async up(args = [], settings = {}) {
      const { code, output } = await runCompose(['up', '-d', ...args], settings)
      if (code !== 0) throw new Error(`up failed:\n${output}`)
      for (const service of lastingServices) await untilHealth(service, 'healthy')
    },
    containers,
    untilHealth,
    async logs(service) {
      return (await runCompose(['logs', '--no-color', service])).output
    },
    async psql(statement, { user = 'vss', database = 'vss' } = {}) {
      const psql = ['psql', '--no-align', '--tuples-only', '--username', user, '--dbname', database]
      const [postgres] = await containers('postgres')
      return await docker(['exec', postgres!.id, ...psql, '--command', statement])
    },
    async openPool() {
      const [postgres] = await containers('postgres')
      const published = postgres!.inspected.NetworkSettings.Ports['5432/tcp']![0]!
      const pool = createPool({
        databaseUrl: `postgres://vss:vss@127.0.0.1:${published.HostPort}/vss`,
        maxConnections: 3,
        applicationName: 'vss-test',
      })
      onTestFinished(() => pool.end())
      return pool
    },
  }
}
