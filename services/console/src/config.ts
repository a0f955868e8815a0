import { isIP } from 'node:net'
import { ConfigError, readSettings, type SettingsOf } from '@vss-pipeline/runtime'

/** How phone numbers are shown: `on-click` masks them until somebody asks, which is logged. */
export type NumbersMode = 'masked' | 'on-click' | 'shown'

/** The console's settings: the rows for it in packages/runtime/src/settings/table.ts. */
export type ConsoleConfig = Omit<SettingsOf<'console'>, 'consoleNumbers'> & { consoleNumbers: NumbersMode }

const fewestPasswordCharacters = 8

/** @throws ConfigError with one line that names the variable, its value and the values that it takes. No password is in it. */
export function loadConfig(env: NodeJS.ProcessEnv): ConsoleConfig {
  const config = readSettings(env, 'console')
  const { host, consolePassword } = config
  if (!isLoopback(host)) {
    if (consolePassword === undefined) {
      throw new ConfigError(
        `HOST is ${JSON.stringify(host)} but CONSOLE_PASSWORD is not set: set a password, because the console shows records of calls`,
      )
    }
    if (consolePassword.length < fewestPasswordCharacters) {
      throw new ConfigError(
        `CONSOLE_PASSWORD has ${consolePassword.length} characters: it takes ${fewestPasswordCharacters} or more unless HOST is loopback`,
      )
    }
  }
  return { ...config, consoleNumbers: config.consoleNumbers as NumbersMode }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
