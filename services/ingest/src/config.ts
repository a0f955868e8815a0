import { ConfigError, isLoopback, readSettings, type SettingsOf } from '@vss-pipeline/runtime'

/** Ingest's settings, read from the environment: the rows for ingest in packages/runtime/src/settings/table.ts. */
export type IngestConfig = SettingsOf<'ingest'> & {
  /** The path of the secrets' file, which is read again while ingest runs. */
  webhookSecretsFile: string | undefined
}

/** @throws ConfigError with one line that names the variable, its value and the values that it takes. */
export function loadConfig(env: NodeJS.ProcessEnv): IngestConfig {
  const config = { ...readSettings(env, 'ingest'), webhookSecretsFile: env.WEBHOOK_SECRETS_FILE || undefined }
  if (config.webhookSecrets.length === 0 && !isLoopback(config.host) && !config.allowUnauthenticated) {
    throw new ConfigError(
      `HOST is ${JSON.stringify(config.host)} but WEBHOOK_SECRETS is not set: set a secret, or ALLOW_UNAUTHENTICATED=true to accept anyone's POST`,
    )
  }
  const weakness = explainWeakness(config.webhookSecrets, config.host)
  if (weakness !== undefined) throw new ConfigError(`WEBHOOK_SECRETS ${weakness}`)
  return config
}

/** A secret of this length is hard to guess, even with simple characters. */
const minSecretLength = 16

/** Says why secrets are too weak for a host that others reach; undefined when they are not. It shows no secret. */
export function explainWeakness(secrets: readonly string[], host: string): string | undefined {
  const weak = secrets.find((secret) => secret.length < minSecretLength)
  if (weak === undefined || isLoopback(host)) return undefined
  return `has a secret of ${weak.length} characters: it takes ${minSecretLength} or more unless HOST is loopback`
}
