import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allowSlowLinks, answerArguments, ConfigError, redisHosts, settings } from '@vss-pipeline/runtime'
import { StorageFault } from '@vss-pipeline/storage'
import { migrate } from '@vss-pipeline/storage/migrate'
import { renderBanner } from './banner.ts'
import { claimDataFolder, type DataFolder, stopEverythingIn } from './data-folder.ts'
import { LocalStackError } from './errors.ts'
import { formatLogLine } from './log-lines.ts'
import { startPipeline } from './pipeline.ts'
import { choosePort, isPortFree } from './ports.ts'
import { pingRedis } from './redis-ping.ts'
import { type ServiceOptions, startService } from './services.ts'
import { startStack } from './stack.ts'
import { loadStartConfig, type StartConfig, shortPath } from './start-config.ts'
import { abortOnStopSignals } from './stop-signals.ts'

/**
 * Runs `npm start`: starts Postgres and Redis unless they are given, migrates, starts ingest, one worker and the console,
 * and waits for Ctrl-C. Exits 0 when it is told to stop. Exits 1 when a part does not start or ends by itself.
 */
async function main(): Promise<void> {
  allowSlowLinks()
  // Closed in reverse of the start: the console, ingest, the worker, Redis, Postgres, the folder.
  const started = new AsyncDisposableStack()
  let folder: DataFolder | undefined
  const signal = abortOnStopSignals({
    isRunByNpm: process.env.npm_lifecycle_event !== undefined,
    async force() {
      if (folder) await stopEverythingIn(folder.path, { force: true })
      process.exit(130)
    },
  })
  signal.addEventListener('abort', () => print('Stopping (Ctrl-C again to force) ...'))
  try {
    const config = loadStartConfig(process.env)
    folder = await claimDataFolder(config.folder)
    started.defer(folder.release)
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

/** @returns `ended`, which resolves when a part ends by itself, with a text like "Redis exited with code 1". */
async function start(
  config: StartConfig,
  started: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<{ ended: Promise<string> }> {
  await checkPort(config)
  if (config.redisUrl) await checkRedis(config.redisUrl)

  const stack = await startStack({ ...config, log: print, signal })
  started.defer(() => stack.stop())
  const { databaseDirectUrl } = config
  await migrate({ databaseUrl: stack.databaseUrl, databaseDirectUrl }).catch((error) => {
    if (!config.databaseUrl || !(error instanceof StorageFault)) throw error
    throw new LocalStackError(`DATABASE_URL: ${error.message}`)
  })

  const shared: ServiceOptions = {
    ...stack,
    env: {
      ...process.env,
      SPOOL_DIR: config.spoolDir,
      SPOOL_DIR_FILE: '',
      // The Postgres that was started here has no replica.
      ...(config.databaseUrl === undefined && { READ_DATABASE_URL: '', READ_DATABASE_URL_FILE: '' }),
    },
    folder: config.folder,
    onLine: (service, line) => print(formatLogLine(service, line)),
    signal,
  }
  const opsPorts = settings.OPS_PORT.default
  const pipeline = await startPipeline({ ...shared, port: config.port, opsPorts })
  started.defer(() => pipeline.stop())
  const consolePort = String(await choosePort(config.consolePort))
  const pages = await startService('console', {
    ...shared,
    env: { ...shared.env, ...operatorOf(process.env, stack.databaseUrl), CONSOLE_PORT: consolePort },
    opsPort: opsPorts.console,
  })
  started.defer(() => pages.stop())

  const databaseUrlFile = join(config.folder, 'database-url')
  keepUrl(databaseUrlFile, stack.databaseUrl, config.databaseUrl !== undefined)
  keepUrl(join(config.folder, 'redis-url'), stack.redisUrl, config.redisUrl !== undefined)
  print(
    renderBanner({
      ...pipeline,
      consoleUrl: pages.url,
      folder: shortPath(config.folder),
      databaseUrlFile: config.databaseUrl ? undefined : shortPath(databaseUrlFile),
      authHeader: config.authHeader,
    }),
  )
  const consoleEnded = pages.ended.then((how) => `console ${how}`)
  return { ended: Promise.race([stack.ended, pipeline.ended, consoleEnded]) }
}

/** The worker changes rows by the same URL, so that whoever started this may let the console do so. */
function operatorOf(env: NodeJS.ProcessEnv, databaseUrl: string): NodeJS.ProcessEnv {
  const isGiven = env.OPERATOR_DATABASE_URL || env.OPERATOR_DATABASE_URL_FILE
  return isGiven ? {} : { OPERATOR_DATABASE_URL: databaseUrl }
}

async function checkPort({ host, port }: StartConfig): Promise<void> {
  const isFree = await isPortFree(port, host).catch((error: NodeJS.ErrnoException) => {
    throw new LocalStackError(`Cannot listen on ${host} port ${port} (${error.code}): set HOST or PORT.`)
  })
  if (!isFree) {
    throw new LocalStackError(
      `Port ${port} is in use by another program. Stop that, or choose another: PORT=8081 npm start`,
    )
  }
}

async function checkRedis(redisUrl: string): Promise<void> {
  try {
    await pingRedis(redisUrl)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const hosts = redisHosts(redisUrl).map(({ host, port }) => `${host}:${port}`)
    throw new LocalStackError(`REDIS_URL: no Redis answers at ${hosts.join(', ')}: ${message || code}`)
  }
}

/**
 * Writes the URL of a server that was started here to a file, for the command `vss` and psql. The URL of a given server
 * is not written. The file of an earlier start is then removed, because it names another server.
 */
function keepUrl(file: string, url: string, isGiven: boolean): void {
  if (isGiven) rmSync(file, { force: true })
  else writeFileSync(file, `${url}\n`, { mode: 0o600 })
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined))
  })
}

/** Prints an error that the user can mend as one line. Any other error is a bug and is printed with its stack. */
function report(error: unknown): void {
  const isExpected =
    error instanceof LocalStackError || error instanceof ConfigError || error instanceof StorageFault
  console.error(isExpected ? error.message : error)
}

function print(text: string): void {
  console.log(text)
}

if (!answerArguments('npm start', process.argv.slice(2))) await main()
