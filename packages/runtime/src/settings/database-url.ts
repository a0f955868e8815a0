import { readFileSync } from 'node:fs'
import { ConfigError } from './config-error.ts'
import { url } from './kinds.ts'
import type { Kind } from './variable.ts'

/** Parameters that name files. pg reads these when it connects, and its error does not say that the URL names them. */
const fileParameters = ['sslrootcert', 'sslcert', 'sslkey']

/** Hosts come after the last @ before the path, because user and password may hold commas. */
const severalHosts = /^postgres(?:ql)?:\/\/(?:[^/?#]*@)?[^@/?#]*,[^@/?#]*(?:[/?#]|$)/

/**
 * The URL of a Postgres. It is checked as far as that is possible without connecting. It may hold a password, so errors
 * do not show it.
 */
export function databaseUrl(): Kind<string> {
  const { takes, read } = url('postgres:', 'postgresql:')
  return {
    takes,
    read(given) {
      const { name } = given
      // First, because the URL parser refuses several hosts as well, with an error that says less.
      if (severalHosts.test(given.text.trim())) throw severalHostsError(name)
      const value = read(given)
      if (value === undefined) return undefined
      const parameters = new URL(value).searchParams
      if (parameters.get('host')?.includes(',')) throw severalHostsError(name)
      checkPort(name, parameters.get('port'))
      for (const parameter of fileParameters) checkFile(name, parameter, parameters.get(parameter))
      return value
    },
  }
}

function severalHostsError(name: string): ConfigError {
  return new ConfigError(
    `${name} names several hosts: it takes one, such as an address that follows the primary`,
  )
}

/** Checks the parameter `port`. The URL parser has checked the port after the host. */
function checkPort(name: string, port: string | null): void {
  if (port === null || (/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) return
  throw new ConfigError(`${name}: port is ${JSON.stringify(port)}: it takes a whole number from 0 to 65535`)
}

function checkFile(name: string, parameter: string, path: string | null): void {
  if (!path) return
  try {
    readFileSync(path)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new ConfigError(
      `${name}: cannot read ${parameter} ${JSON.stringify(path)} (${reason}): it takes the path of a readable file`,
    )
  }
}
