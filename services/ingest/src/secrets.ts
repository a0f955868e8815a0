import { explainUnreadable, readRegularFile, repeatEvery, secretsInFile } from '@vss-pipeline/runtime'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import { createAuthenticator } from './authentication.ts'
import { explainWeakness } from './config.ts'

const intervalMs = 1_000

/** Tells whether a request's credential is one of the present secrets. */
export interface Secrets {
  isAuthentic(credential: string | undefined): boolean
}

interface SecretsOptions {
  secrets: readonly string[]
  /** The address that ingest listens on. Where others reach it, secrets have to be long. */
  host: string
  logger: Logger
}

/**
 * Holds the secrets. Where they come from a file, reads it again every second: a new secret becomes valid, and a
 * withdrawn one invalid, without a restart. A file that cannot be read, or has no usable secrets, changes nothing,
 * and the log says so.
 *
 * @param options.file the path in `WEBHOOK_SECRETS_FILE`. Without it, the secrets never change.
 */
export function watchSecrets(
  options: SecretsOptions & { file: string | undefined },
): Secrets & { stop(): void } {
  const { file } = options
  const { isAuthentic, take, refuse } = createRotation(options)
  if (!file) return { isAuthentic, stop() {} }

  /** Without blocking this thread: a disk that hangs must not hold up requests. */
  async function readAgain(path: string): Promise<void> {
    try {
      take(await readRegularFile(path))
    } catch (error) {
      refuse(explainUnreadable(error))
    }
  }

  const stop = repeatEvery(intervalMs, () => readAgain(file), {
    onOverlap: () => refuse('it has not been read within a second'),
  })
  return { isAuthentic, stop }
}

/** Secrets that change with the text of their file. */
export function createRotation(options: SecretsOptions): Secrets & {
  /** Takes the file's text as it was just read. It counts when two reads agree: half a written file does not. */
  take(text: string): void
  /** Leaves the secrets as they are, because the file gives none. */
  refuse(reason: string): void
} {
  const { host, logger } = options
  let current = options.secrets
  let isAuthentic = createAuthenticator(current)
  let lastText: string | undefined
  const told = createTeller<'unusable'>(logger)

  function refuse(reason: string): void {
    told.once('unusable', 'warn', 'WEBHOOK_SECRETS_FILE gives no secrets: the previous ones stay valid', {
      reason,
    })
    lastText = undefined
  }

  function take(text: string): void {
    const isSettled = text === lastText
    lastText = text
    if (!isSettled) return
    const secrets = secretsInFile(text)
    const problem = secrets.length === 0 ? 'it is empty' : explainWeakness(secrets, host)
    if (problem !== undefined) {
      refuse(problem)
      return
    }
    told.over('unusable')
    if (secrets.join('\n') === current.join('\n')) return
    current = secrets
    isAuthentic = createAuthenticator(secrets)
    logger.info({ secrets: secrets.length }, 'the secrets have changed')
  }

  return { isAuthentic: (credential) => isAuthentic(credential), take, refuse }
}
