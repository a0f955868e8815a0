import { readFileSync } from 'node:fs'
import { ConfigError, createEnvReader } from '@vss-pipeline/runtime'

const protocols = ['postgres:', 'postgresql:']

/** What pg reads when it connects, and has no word of the URL in its error. */
const fileParameters = ['sslrootcert', 'sslcert', 'sslkey']

/** User and password may hold commas: the hosts come after the last @ before the path. */
const severalHosts = /^postgres(?:ql)?:\/\/(?:[^/?#]*@)?[^@/?#]*,[^@/?#]*(?:[/?#]|$)/

/**
 * The URL of the database from an environment, with all that can be told to be wrong without connecting.
 *
 * @param name `DATABASE_URL`, or what else the operator knows it by.
 * @throws ConfigError with one line that does not show the URL: it may hold a password.
 */
export function readDatabaseUrl(env: NodeJS.ProcessEnv, name = 'DATABASE_URL'): string {
  const read = createEnvReader(env)
  const value = read.text(name, { default: '' })
  if (severalHosts.test(value)) throw severalHostsError(name)
  const url = read.url(name, { protocols })
  const parameters = new URL(url).searchParams
  if (parameters.get('host')?.includes(',')) throw severalHostsError(name)
  checkPort(name, parameters.get('port'))
  for (const parameter of fileParameters) checkFile(name, parameter, parameters.get(parameter))
  return url
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
