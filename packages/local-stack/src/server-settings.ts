import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The settings that a server of a data folder keeps from start to start. */
export interface ServerSettings {
  port: number
  /** Generated at the first start. Loopback needs a password too, because all users of the machine can reach it. */
  password: string
}

/** Reads a server's settings. The first time it makes and keeps them: `defaultPort` and a fresh password. */
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

/** Writes the settings for their owner's eyes only. A crash leaves either the old or the new ones. */
export function writeSettings(dataDir: string, settings: ServerSettings): void {
  const file = settingsFile(dataDir)
  writeFileSync(`${file}.new`, `${JSON.stringify(settings)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function settingsFile(dataDir: string): string {
  return join(dataDir, 'settings.json')
}
