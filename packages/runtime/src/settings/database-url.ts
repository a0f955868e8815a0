import { readFileSync } from 'node:fs'
import { ConfigError } from './config-error.ts'
import { url } from './kinds.ts'
import type { Kind } from './variable.ts'

/** What pg reads when it connects, and has no word of the URL in its error. */
const fileParameters = ['sslrootcert', 'sslcert', 'sslkey']

/** User and password may hold commas: the hosts come after the last @ before the path. */
const severalHosts = /^postgres(?:ql)?:\/\/(?:[^/?#]*@)?[^@/?#]*,[^@/?#]*(?:[/?#]|$)/

/**
 * The URL of a Postgres, with all that can be told to be wrong without connecting. It may hold a password: errors do
 * not show it.
 */
export function databaseUrl(): Kind<string> {
  const { takes, read } = url('postgres:', 'postgresql:')
  return {
    takes,
    read(given) {
      const { name } = given
      // No URL to the parser either, which would say less of it.
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

/** The port after the host is a part of every URL, and checked with it. */
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
