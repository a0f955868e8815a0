import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { findRedisServer, type RunningServer } from '@vss-pipeline/local-stack'
import { createPool } from '@vss-pipeline/storage'
import { launchServer } from '../../../packages/local-stack/src/launch-server.ts'
import { readSettings } from '../../../packages/local-stack/src/server-settings.ts'
import { type Certificate, installCertificate } from '../../support/certificates.ts'
import { startTestPostgres } from '../../support/servers/postgres.ts'

/** Starts a Redis that takes only TLS. Its `url` has the host 127.0.0.1 and names no certificate authority. */
export async function startTlsRedis(
  dataDir: string,
  { certFile, keyFile }: Certificate,
): Promise<RunningServer> {
  const program = findRedisServer()
  if (program === undefined)
    throw new Error('there is no redis-server on the PATH: install redis-server or valkey-server')
  const files = join(dataDir, 'data')
  mkdirSync(files, { recursive: true })
  const settings = readSettings(dataDir, 0)
  const configFile = join(dataDir, 'redis.conf')
  const configuration = (port: number) => `bind 127.0.0.1
port 0
tls-port ${port}
tls-cert-file ${certFile}
tls-key-file ${keyFile}
tls-auth-clients no
requirepass ${settings.password}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
`
  return launchServer({
    name: 'Redis',
    dataDir,
    settings,
    stopping: { stopSignals: ['SIGTERM', 'SIGKILL'], graceMs: 15_000 },
    signal: undefined,
    command: (port) => {
      writeFileSync(configFile, configuration(port), { mode: 0o600 })
      return [program, configFile]
    },
    spawn: { cwd: files },
    isReady: ({ port }) => speaksTls(port),
    isPassing: () => false,
    url: (port) => `rediss://:${settings.password}@127.0.0.1:${port}`,
  })
}

/** Whether a server on this port speaks TLS, with any certificate. */
function speaksTls(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    socket.once('secureConnect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.on('secureConnect', () => socket.destroy())
  })
}

export interface TlsPostgres extends RunningServer {
  /** Makes it show another certificate from the next connection on. */
  show(certificate: Certificate): Promise<void>
  /** Allows or forbids plain text beside TLS. At first it is allowed. */
  allowPlainText(isAllowed: boolean): Promise<void>
}

/** Starts a Postgres with TLS. Its `url` says nothing of TLS and connects in plain text. */
export async function startTlsPostgres(dataDir: string, certificate: Certificate): Promise<TlsPostgres> {
  const server = await startTestPostgres(dataDir)
  const cluster = join(dataDir, 'data')
  const rulesFile = join(cluster, 'pg_hba.conf')
  const rules = readFileSync(rulesFile, 'utf8')
  // This connection stays open: once plain text is forbidden, `server.url` opens none that could allow it again.
  const pool = createPool({ databaseUrl: server.url, maxConnections: 1, applicationName: 'vss-test' })
  const admin = await pool.connect()

  async function show(shown: Certificate): Promise<void> {
    await installCertificate(shown, cluster)
    await admin.query('SELECT pg_reload_conf()')
  }
  await admin.query('ALTER SYSTEM SET ssl = on')
  await show(certificate)
  return {
    ...server,
    show,
    async allowPlainText(isAllowed) {
      writeFileSync(rulesFile, isAllowed ? rules : rules.replaceAll(/^host\b/gm, 'hostssl'))
      await admin.query('SELECT pg_reload_conf()')
    },
    async stop() {
      admin.release()
      await pool.end()
      await server.stop()
    },
  }
}
