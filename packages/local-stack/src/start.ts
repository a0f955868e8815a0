import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '@vss-pipeline/runtime'
import { migrate, StorageFault } from '@vss-pipeline/storage'
import { renderBanner } from './banner.ts'
import { claimDataFolder, stopEverythingIn } from './data-folder.ts'
import { LocalStackError } from './errors.ts'
import { formatLogLine } from './log-lines.ts'
import { startPipeline } from './pipeline.ts'
import { isPortFree } from './ports.ts'
import { pingRedis } from './redis-ping.ts'
import { startStack } from './stack.ts'
import { loadStartConfig, type StartConfig, shortPath } from './start-config.ts'
import { abortOnStopSignals } from './stop-signals.ts'

/**
 * `npm start`: Postgres and Redis where none are given, migrations, ingest and one worker, until Ctrl-C.
 * Exits 0 when told to stop and 1 when something did not start or ended by itself.
 */
async function main(): Promise<void> {
  // Closed in reverse: ingest, the worker, Redis, Postgres, the folder.
  const started = new AsyncDisposableStack()
  let config: StartConfig | undefined
  const signal = abortOnStopSignals(async () => {
    if (config) await stopEverythingIn(config.folder, { force: true })
    process.exit(130)
  })
  signal.addEventListener('abort', () => print('Stopping (Ctrl-C again to force) ...'))
  try {
    config = loadStartConfig(process.env)
    const { ended } = await start(config, started, signal)
    const how = await Promise.race([ended, aborted(signal)])
    if (how) throw new LocalStackError(`${how}. Stopping the rest.`)
  } catch (error) {
    if (!signal.aborted) {
      report(error)
      process.exitCode = 1
    }
  } finally {
    await started.disposeAsync()
  }
  if (signal.aborted) print('Stopped.')
  process.exit()
}

/** @returns `ended`: resolves when a part ends by itself, with a sentence that tells which and how. */
async function start(
  config: StartConfig,
  started: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<{ ended: Promise<string> }> {
  const folder = await claimDataFolder(config.folder)
  started.defer(() => folder.release())
  if (!(await isPortFree(config.port, config.host))) {
    throw new LocalStackError(
      `Port ${config.port} is in use by another program. Stop that, or choose another: PORT=8081 npm start`,
    )
  }
  if (config.redisUrl) await checkRedis(config.redisUrl)

  const stack = await startStack({ ...config, log: print, signal })
  started.defer(() => stack.stop())
  await migrate({ databaseUrl: stack.databaseUrl }).catch((error) => {
    if (!config.databaseUrl || !(error instanceof StorageFault)) throw error
    throw new LocalStackError(`DATABASE_URL: ${error.message}`)
  })

  const pipeline = await startPipeline({
    ...stack,
    port: config.port,
    opsPorts: { ingest: 9464, worker: 9465 },
    folder: config.folder,
    onLine: (service, line) => print(formatLogLine(service, line)),
    signal,
  })
  started.defer(() => pipeline.stop())

  print(
    renderBanner({
      ...pipeline,
      folder: shortPath(config.folder),
      databaseUrlFile: config.databaseUrl ? undefined : writeUrl(config.folder, stack.databaseUrl),
      authHeader: config.authHeader,
    }),
  )
  return { ended: Promise.race([stack.ended, pipeline.ended]) }
}

async function checkRedis(redisUrl: string): Promise<void> {
  try {
    await pingRedis(redisUrl)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new LocalStackError(`REDIS_URL: no Redis answers at ${new URL(redisUrl).host}: ${message || code}`)
  }
}

/** Keeps the embedded Postgres' URL for the commands that read it from DATABASE_URL_FILE. */
function writeUrl(folder: string, databaseUrl: string): string {
  const file = join(folder, 'database-url')
  writeFileSync(file, `${databaseUrl}\n`, { mode: 0o600 })
  return shortPath(file)
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined))
  })
}

/** What the user can act on is one line; anything else is a bug, and shows where. */
function report(error: unknown): void {
  const isExpected =
    error instanceof LocalStackError || error instanceof ConfigError || error instanceof StorageFault
  console.error(isExpected ? error.message : error)
}

function print(text: string): void {
  console.log(text)
}

await main()
