import { answerArguments, ConfigError } from '../settings/index.ts'
import { allowSlowLinks } from '../slow-links.ts'
import { createLifecycle, type Lifecycle } from './lifecycle.ts'
import type { Logger } from './logger.ts'
import { keepHeapLean, keepObjectsYoung } from './memory.ts'
import { hasTraceSettings, startTracesWhereAsked } from './traces.ts'

/**
 * Runs a service until SIGTERM or SIGINT. Then closes what it opened, and exits with 0, or with 1 when that was not
 * clean. A wrong setting or a failed start prints one line and exits with 1. `--help` prints the settings instead.
 */
export async function runService<Config extends { shutdownTimeoutMs: number }>(service: {
  name: 'ingest' | 'worker' | 'console'
  loadConfig: () => Config
  createLogger: (config: Config) => Logger
  start: (deps: { config: Config; logger: Logger; lifecycle: Lifecycle }) => Promise<void>
}): Promise<void> {
  if (answerArguments(service.name, process.argv.slice(2))) return
  keepHeapLean()
  keepObjectsYoung()
  allowSlowLinks()
  const config = loadConfigOrExit(service.name, service.loadConfig)
  const logger = service.createLogger(config)
  const lifecycle = createLifecycle({ logger, timeoutMs: config.shutdownTimeoutMs })

  async function stop(signal: NodeJS.Signals): Promise<void> {
    logger.info({ signal }, 'stopping')
    const clean = await lifecycle.close()
    logger.info({ clean }, 'stopped')
    process.exit(clean ? 0 : 1)
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)

  try {
    // It closes last, so that the spans of the stop are sent too.
    if (hasTraceSettings(config)) {
      await startTracesWhereAsked({ service: service.name, config, logger, lifecycle })
    }
    await service.start({ config, logger, lifecycle })
  } catch (error) {
    logger.fatal({ err: error }, `cannot start: ${(error as Error).message}`)
    await lifecycle.close()
    process.exit(1)
  }
}

function loadConfigOrExit<Config>(name: string, loadConfig: () => Config): Config {
  try {
    return loadConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${name}: ${error.message}\n`)
    process.exit(1)
  }
}
