import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a server of a data folder keeps from start to start. */
export interface ServerSettings {
  port: number
  /** Generated once: on a machine of several users, loopback is open to all of them. */
  password: string
}

/** Reads a server's settings; makes and keeps the first ones: the port `defaultPort` and a fresh password. */
export function readSettings(dataDir: string, defaultPort: number): ServerSettings {
  try {
    return JSON.parse(readFileSync(settingsFile(dataDir), 'utf8')) as ServerSettings
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const settings = { port: defaultPort, password: randomBytes(18).toString('base64url') }
    writeSettings(dataDir, settings)
    return settings
  }
}

/** Keeps the settings, readable by their owner alone; a crash leaves the old ones or the new ones. */
export function writeSettings(dataDir: string, settings: ServerSettings): void {
  const file = settingsFile(dataDir)
  writeFileSync(`${file}.new`, `${JSON.stringify(settings)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function settingsFile(dataDir: string): string {
  return join(dataDir, 'settings.json')
}
