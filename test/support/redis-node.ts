import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  choosePort,
  createTemporaryFolder,
  findRedisServer,
  type RunningServer,
} from '@vss-pipeline/local-stack'
import { Redis } from 'ioredis'
import { launchServer } from '../../packages/local-stack/src/launch-server.ts'
import { writeSettings } from '../../packages/local-stack/src/server-settings.ts'
import type { Certificate } from './certificates.ts'
import { type FaultyServer, startFaultyServer } from './faulty-server.ts'

/** A Redis that is one of several: of a cluster, or of a primary with its replicas and sentinels. */
export interface RedisNode extends FaultyServer {
  readonly port: number
  /** "127.0.0.1:6379" */
  readonly name: string
  /** Asks this node, and changes its settings. It reconnects by itself. */
  readonly client: Redis
}

/** The nodes that a test has started, and their common password. */
export interface RedisNodes {
  readonly password: string
  /**
   * Starts a node that is as durable as the pipeline needs it.
   *
   * @param options.configuration lines of redis.conf beside those of durability.
   * @param options.mode whether it holds data, or watches over nodes that do.
   */
  start(options: { configuration: readonly string[]; mode?: 'server' | 'sentinel' }): Promise<RedisNode>
  /** Stops all of them, and removes their data. */
  stop(): Promise<void>
}

/** Trust in the nodes' certificates, where they have some. */
type ClientOptions = { tls?: { ca: Buffer } }

const durable = ['appendonly yes', 'appendfsync always', 'save ""', 'maxmemory-policy noeviction']

/** The certificate of all nodes, and the authority that they and their clients trust. */
export interface RedisTls {
  readonly certificate: Certificate
  readonly authority: Certificate
}

/** Makes a folder for nodes, which begin with none. With `tls` they take TLS alone, also from each other. */
export async function openRedisNodes(tls?: RedisTls): Promise<RedisNodes> {
  const program = findRedisServer()
  if (program === undefined) {
    throw new Error('there is no redis-server on the PATH: install redis-server or valkey-server')
  }
  const folder = await createTemporaryFolder()
  const password = 'a/word@with:signs'
  const clients: Redis[] = []
  const servers: FaultyServer[] = []
  const clientOptions: ClientOptions = tls ? { tls: { ca: readFileSync(tls.authority.certFile) } } : {}
  let started = 0

  function portSettings(port: number): string[] {
    if (tls === undefined) return [`port ${port}`]
    return [
      'port 0',
      `tls-port ${port}`,
      `tls-cert-file ${tls.certificate.certFile}`,
      `tls-key-file ${tls.certificate.keyFile}`,
      `tls-ca-cert-file ${tls.authority.certFile}`,
      'tls-auth-clients no',
      'tls-replication yes',
      'tls-cluster yes',
    ]
  }

  return {
    password,
    async start({ configuration, mode = 'server' }) {
      const dataDir = join(folder.path, `node-${++started}`)
      const files = join(dataDir, 'data')
      mkdirSync(files, { recursive: true })
      const settings = { port: await choosePort(0), password }
      writeSettings(dataDir, settings)
      const configFile = join(files, 'redis.conf')
      const lines = [
        'bind 127.0.0.1',
        ...portSettings(settings.port),
        `requirepass ${password}`,
        ...(mode === 'server' ? [`masterauth ${password}`, ...durable] : []),
        ...configuration,
      ]
      // Nodes write into it which others there are, so a restart keeps it.
      writeFileSync(configFile, `${lines.join('\n')}\n`, { mode: 0o600 })
      const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${settings.port}`
      const launch = (): Promise<RunningServer> =>
        launchServer({
          name: 'Redis',
          dataDir,
          settings,
          stopping: { stopSignals: ['SIGTERM', 'SIGKILL'], graceMs: 15_000 },
          signal: undefined,
          command: () => [program, configFile, ...(mode === 'sentinel' ? ['--sentinel'] : [])],
          spawn: { cwd: files },
          isReady: () => answers(url, clientOptions),
          isPassing: () => false,
          url: () => url,
        })
      const server = await startFaultyServer(launch)
      const client = new Redis(url, { ...clientOptions, maxRetriesPerRequest: null, retryStrategy: () => 50 })
      client.on('error', () => undefined)
      clients.push(client)
      servers.push(server)
      return Object.assign(server, { port: settings.port, name: `127.0.0.1:${settings.port}`, client })
    },
    async stop() {
      for (const client of clients) client.disconnect()
      // Redis gives its process another name, by which the folder does not find it.
      await Promise.all(servers.map((server) => server.stop()))
      await folder.remove()
    },
  }
}

async function answers(url: string, options: ClientOptions): Promise<boolean> {
  const client = new Redis(url, { ...options, lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    client.disconnect()
  }
}
