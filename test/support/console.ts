import { createQueueReader, keepText } from '@vss-pipeline/queue'
import { closeServer, listen } from '@vss-pipeline/runtime/service'
import { closePool, createPool } from '@vss-pipeline/storage'
import { inject, onTestFinished } from 'vitest'
import { createApp } from '../../services/console/src/app.ts'
import { loadAssets } from '../../services/console/src/assets.ts'
import { type ConsoleConfig, loadConfig } from '../../services/console/src/config.ts'
import { createRuns, mostRunsAtOnce } from '../../services/console/src/reprocess/runs.ts'
import { createConsoleServer } from '../../services/console/src/server.ts'
import { freshPrefix } from './batches.ts'
import { createRecordingLogger } from './recording-logger.ts'

export interface RunningConsole {
  url: string
  logLines: string[]
  /** Stops it before the test has finished. */
  stop(): Promise<void>
}

/** Serves the real console on a free port, until the test has finished. */
export async function startConsole(options: {
  databaseUrl: string
  /** For a role that may change rows. Without it there are no buttons that do. */
  operatorDatabaseUrl?: string
  redisUrl?: string
  prefix?: string
  config?: Partial<ConsoleConfig>
  nowMs?: () => number
}): Promise<RunningConsole> {
  const { databaseUrl, operatorDatabaseUrl, nowMs } = options
  const { redisUrl = inject('redisUrl'), prefix = freshPrefix() } = options
  const config = { ...loadConfig({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }), ...options.config }
  const { logger, lines } = createRecordingLogger('info')
  const pool = createPool({
    databaseUrl,
    maxConnections: 8,
    applicationName: 'vss-test-console',
    statementTimeoutMs: 10_000,
  })
  const queue = createQueueReader({ redisUrl, prefix, logger })
  const operator =
    operatorDatabaseUrl === undefined
      ? null
      : createPool({
          databaseUrl: operatorDatabaseUrl,
          maxConnections: mostRunsAtOnce,
          applicationName: 'vss-test-operator',
        })
  const kept = keepText(queue.client, { prefix, name: 'reprocessed' })
  const runs = operator && createRuns({ pool: operator, kept, logger })
  const app = createApp({ config, pool, queue, runs, assets: loadAssets(), logger, ...(nowMs && { nowMs }) })
  const server = createConsoleServer(app)
  const port = await listen(server, { host: '127.0.0.1', port: 0, variables: { host: 'HOST', port: 'PORT' } })
  let stopping: Promise<void> | undefined
  async function stopOnce(): Promise<void> {
    await closeServer(server, { graceMs: 0 })
    await runs?.close()
    await operator?.end()
    await queue.close()
    await closePool(pool)
  }
  const stop = () => (stopping ??= stopOnce())
  onTestFinished(stop)
  return { url: `http://127.0.0.1:${port}`, logLines: lines, stop }
}

/** Somebody with a browser that keeps one cookie, and sends the forms of the pages that it has seen. */
export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<Response>
  /** Posts a form with the token of the last page. */
  post(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<Response>
  /** The text of the last page. */
  readonly page: string
  readonly cookie: string
  /** Opens the form and signs in. */
  signIn(password: string): Promise<Response>
}

export function visit({ url }: Pick<RunningConsole, 'url'>): Visitor {
  let cookie = ''
  let page = ''

  async function ask(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string>), ...(cookie !== '' && { cookie }) }
    const response = await fetch(url + path, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) cookie = line.split(';', 1)[0]!
    page = await response.clone().text()
    return response
  }
  const visitor: Visitor = {
    get: (path, headers = {}) => ask(path, { headers }),
    async post(path, fields, headers = {}) {
      const [, token = ''] = /name="token" value="([^"]+)"/.exec(page) ?? []
      return await ask(path, { method: 'POST', body: new URLSearchParams({ token, ...fields }), headers })
    },
    get page() {
      return page
    },
    get cookie() {
      return cookie
    },
    async signIn(password) {
      await visitor.get('/sign-in')
      return await visitor.post('/sign-in', { password })
    },
  }
  return visitor
}
