import { ConfigError, readSettings, type SettingsOf } from '@vss-pipeline/runtime'
import type { RetentionDays } from '@vss-pipeline/storage'

/** The worker's settings: the rows for it in packages/runtime/src/settings/table.ts. */
export type WorkerConfig = Omit<
  SettingsOf<'worker'>,
  'bodyRetentionDays' | 'ledgerRetentionDays' | 'sessionRetentionDays'
> & { retentionDays: RetentionDays }

/** @throws ConfigError with one line that names the variable, its value and the values that it takes. */
export function loadConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const {
    bodyRetentionDays: bodies,
    ledgerRetentionDays: deliveries,
    sessionRetentionDays: sessions,
    ...config
  } = readSettings(env, 'worker')
  if (bodies !== undefined && deliveries !== undefined && bodies > deliveries) {
    throw new ConfigError(
      `BODY_RETENTION_DAYS is ${bodies} but LEDGER_RETENTION_DAYS is ${deliveries}: it takes ${deliveries} or fewer, because a body goes with its row of the ledger`,
    )
  }
  return { ...config, retentionDays: { bodies, deliveries, sessions } }
}
