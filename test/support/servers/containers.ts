import { withinMs } from '@vss-pipeline/runtime'
import { readTestPostgres, testParameters } from './postgres.ts'
import type { GivenServers, TestServers } from './setup.ts'

const engineTimeoutMs = 5_000

/** Whether a Docker engine answers. An engine that hangs counts as none. */
export async function isDockerThere(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  try {
    await withinMs(getContainerRuntimeClient(), engineTimeoutMs, 'the Docker engine does not answer')
    return true
  } catch {
    return false
  }
}

/** Starts a container for each server that is not given. If this process is killed, testcontainers removes them. */
export async function startContainers(given: GivenServers): Promise<TestServers> {
  const started: { stop(): Promise<unknown> }[] = []
  async function stop(): Promise<void> {
    await Promise.all(started.map((container) => container.stop()))
  }
  const starts = await Promise.allSettled([
    given.databaseUrl ?? startPostgres((container) => started.push(container)),
    given.redisUrl ?? startRedis((container) => started.push(container)),
  ])
  const [database, redis] = starts
  if (database.status === 'rejected' || redis.status === 'rejected') {
    await stop()
    throw new Error('A test container did not start; TEST_SERVERS=local needs no Docker', {
      cause: starts.find((start) => start.status === 'rejected')!.reason,
    })
  }
  return { databaseUrl: database.value, redisUrl: redis.value, stop }
}

type OnStart = (container: { stop(): Promise<unknown> }) => void

async function startPostgres(onStart: OnStart): Promise<string> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const parameters = { max_connections: 200, ...testParameters }
  const settings = Object.entries(parameters).map(([name, value]) => `${name}=${value}`)
  const container = await new GenericContainer(`postgres:${readTestPostgres() ?? '18'}`)
    .withEnvironment({ POSTGRES_PASSWORD: 'test' })
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .withExposedPorts(5432)
    // Postgres logs this twice: when the image initialises the cluster, and when it starts for good.
    .withWaitStrategy(Wait.forLogMessage('database system is ready to accept connections', 2))
    .start()
  onStart(container)
  return `postgres://postgres:test@${container.getHost()}:${container.getMappedPort(5432)}/postgres`
}

async function startRedis(onStart: OnStart): Promise<string> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']
  const container = await new GenericContainer('redis:8')
    .withCommand(['redis-server', ...durable, '--save', ''])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .start()
  onStart(container)
  return `redis://${container.getHost()}:${container.getMappedPort(6379)}`
}
