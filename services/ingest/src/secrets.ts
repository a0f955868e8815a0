import { ConfigError, createEnvReader, type Logger } from '@vss-pipeline/runtime'
import { createAuthenticator } from './authentication.ts'

const intervalMs = 1_000

/** Tells whether a request's credential is one of the secrets, as they are now. */
export interface Secrets {
  isAuthentic(credential: string | undefined): boolean
  stop(): void
}

/**
 * Holds the secrets, and where they come from a file reads it again every second: a new secret counts, and a
 * withdrawn one no longer does, without a restart. A file that cannot be read, or holds none, changes nothing:
 * what was valid stays valid, and the log says so.
 *
 * @param env with `WEBHOOK_SECRETS_FILE`, or without it for secrets that stay as they are.
 */
export function watchSecrets(options: {
  secrets: readonly string[]
  env: NodeJS.ProcessEnv
  logger: Logger
}): Secrets {
  const { env, logger } = options
  let current = options.secrets
  let isAuthentic = createAuthenticator(current)
  let troubled = false

  function complain(reason: string): void {
    if (!troubled)
      logger.warn({ reason }, 'WEBHOOK_SECRETS_FILE gives no secrets: those of before stay valid')
    troubled = true
  }

  function readAgain(): void {
    try {
      const secrets = createEnvReader(env).list('WEBHOOK_SECRETS')
      if (secrets.length === 0) {
        complain('it is empty')
        return
      }
      troubled = false
      if (secrets.join('\n') === current.join('\n')) return
      current = secrets
      isAuthentic = createAuthenticator(secrets)
      logger.info({ secrets: secrets.length }, 'the secrets were read anew')
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      complain(error.message)
    }
  }

  // Without any at the start everyone may send: that is a choice, made by who configured it.
  const isWatched = Boolean(env.WEBHOOK_SECRETS_FILE) && current.length > 0
  const timer = isWatched ? setInterval(readAgain, intervalMs).unref() : undefined
  return {
    isAuthentic: (credential) => isAuthentic(credential),
    stop: () => clearInterval(timer),
  }
}
