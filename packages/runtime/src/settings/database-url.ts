import { readFileSync } from 'node:fs'
import { ConfigError } from './config-error.ts'
import { url } from './kinds.ts'
import type { Kind } from './variable.ts'

/** The names are those of libpq, and so are the meanings. */
const sessionAttributes = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const
const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

/** The kind of server that is looked for among the hosts. */
export type SessionAttributes = (typeof sessionAttributes)[number]

/** How a connection is encrypted, and how far the server's certificate is believed. */
export interface DatabaseTls {
  readonly mode: (typeof tlsModes)[number]
  /** The file of the only authorities to trust; undefined for those of Node. */
  readonly rootCertificateFile: string | undefined
  readonly certificateFile: string | undefined
  readonly keyFile: string | undefined
  /** TLS from the first byte on, which Postgres 17 and later take. */
  readonly isDirect: boolean
}

/** The parts of a URL of Postgres. */
export interface DatabaseAddress {
  /** In the order in which they are tried. `url` leads to that host alone, and says nothing of TLS. */
  readonly hosts: readonly { readonly name: string; readonly url: string }[]
  readonly sessionAttributes: SessionAttributes
  readonly tls: DatabaseTls
}

const databaseUrls = url('postgres:', 'postgresql:')

/** All are asked at once when the server that takes writes is looked for. */
const mostHosts = 5

/** Hosts come after the last @ before the path, because user and password may hold commas. */
const partsOfUrl = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^@/?#]*)([/?#].*)?$/s

/** A library of before has read these in a way of its own. */
const refusedParameters: Readonly<Record<string, string>> = {
  ssl: 'write sslmode=verify-full, or another mode',
  uselibpqcompat: 'leave it out: sslmode means what it means to libpq',
}

/** The parameters that become members of {@link DatabaseAddress}. */
const ownParameters = [
  'target_session_attrs',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
]

/**
 * The URL of a Postgres, perhaps with several hosts as libpq writes them: `postgres://user@one:5432,two/name`. It is
 * checked as far as that is possible without connecting. It may hold a password, so errors do not show it.
 *
 * @param options.isWritten whether a standby will not do, which libpq takes for as good as any other host
 */
export function databaseUrl({ isWritten = false } = {}): Kind<string> {
  return {
    takes: databaseUrls.takes,
    read({ name, text }) {
      const value = text.trim()
      if (value === '') return undefined
      const { hosts, sessionAttributes, tls } = parseDatabaseUrl(value, name)
      if (isWritten && hosts.length > 1 && sessionAttributes === 'any') {
        throw new ConfigError(
          `${name} names several hosts, and not which of them it wants: it takes target_session_attrs=read-write as well`,
        )
      }
      checkFile(name, 'sslrootcert', tls.rootCertificateFile)
      checkFile(name, 'sslcert', tls.certificateFile)
      checkFile(name, 'sslkey', tls.keyFile)
      return value
    },
  }
}

/**
 * Takes a URL of Postgres apart.
 *
 * @param name of the setting that it comes from, for errors
 * @throws ConfigError
 */
export function parseDatabaseUrl(text: string, name = 'the URL of Postgres'): DatabaseAddress {
  const [, begin = '', hostList = '', rest = ''] = partsOfUrl.exec(text) ?? []
  const hosts = hostList.split(',')
  if (hosts.length > mostHosts) {
    throw new ConfigError(`${name} names ${hosts.length} hosts: it takes ${mostHosts} or fewer`)
  }
  const urls = hosts.length === 1 ? [text] : hosts.map((host) => `${begin}${host}${rest}`)
  if (hosts.length > 1 && hosts.includes('')) {
    throw new ConfigError(`${name} has an empty place among its hosts: it takes host:port,host:port`)
  }
  for (const one of urls) databaseUrls.read({ name, text: one })
  const parameters = new URL(urls[0]!).searchParams
  if (parameters.get('host')?.includes(',')) {
    throw new ConfigError(
      `${name}: host has several names: it takes them before the database, as host:port,host:port`,
    )
  }
  checkPort(name, parameters.get('port'))
  for (const [parameter, remedy] of Object.entries(refusedParameters)) {
    if (parameters.has(parameter)) throw new ConfigError(`${name}: ${parameter} is not taken: ${remedy}`)
  }
  return {
    hosts: urls.map((one, index) => ({
      name: hosts[index] || parameters.get('host') || 'localhost',
      url: bare(one),
    })),
    sessionAttributes: oneOf(name, 'target_session_attrs', parameters, sessionAttributes) ?? 'any',
    tls: readTls(name, parameters),
  }
}

/** The URL without the parameters that are read here, to which pg gives meanings of its own. */
function bare(text: string): string {
  const parsed = new URL(text)
  if (!ownParameters.some((parameter) => parsed.searchParams.has(parameter))) return text
  for (const parameter of ownParameters) parsed.searchParams.delete(parameter)
  return parsed.href
}

function readTls(name: string, parameters: URLSearchParams): DatabaseTls {
  const rootCertificate = parameters.get('sslrootcert') || undefined
  const mode =
    oneOf(name, 'sslmode', parameters, tlsModes) ??
    // An authority is named to be trusted alone, although libpq would not look at the certificate.
    (rootCertificate === undefined ? 'disable' : 'verify-full')
  // libpq's word for the authorities that everybody trusts.
  const isPublic = rootCertificate === 'system'
  if (isPublic && mode !== 'verify-full') {
    throw new ConfigError(
      `${name}: sslrootcert=system takes sslmode=verify-full: anybody may have a public certificate`,
    )
  }
  if (mode === 'verify-ca' && rootCertificate === undefined) {
    throw new ConfigError(
      `${name}: sslmode=verify-ca needs sslrootcert, because anybody may have a public certificate; or write verify-full`,
    )
  }
  const isDirect = oneOf(name, 'sslnegotiation', parameters, ['postgres', 'direct']) === 'direct'
  if (isDirect && ['disable', 'allow', 'prefer'].includes(mode)) {
    throw new ConfigError(`${name}: sslnegotiation=direct takes sslmode=require, verify-ca or verify-full`)
  }
  return {
    mode,
    rootCertificateFile: isPublic ? undefined : rootCertificate,
    certificateFile: parameters.get('sslcert') || undefined,
    keyFile: parameters.get('sslkey') || undefined,
    isDirect,
  }
}

function oneOf<Value extends string>(
  name: string,
  parameter: string,
  parameters: URLSearchParams,
  values: readonly Value[],
): Value | undefined {
  const given = parameters.get(parameter)
  if (given === null) return undefined
  const value = values.find((one) => one === given)
  if (value !== undefined) return value
  throw new ConfigError(
    `${name}: ${parameter} is ${JSON.stringify(given.slice(0, 40))}: it takes ${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  )
}

/** Checks the parameter `port`. The URL parser has checked the port after the host. */
function checkPort(name: string, port: string | null): void {
  if (port === null || (/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) return
  throw new ConfigError(`${name}: port is ${JSON.stringify(port)}: it takes a whole number from 0 to 65535`)
}

function checkFile(name: string, parameter: string, path: string | undefined): void {
  if (path === undefined) return
  try {
    readFileSync(path)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new ConfigError(
      `${name}: cannot read ${parameter} ${JSON.stringify(path)} (${reason}): it takes the path of a readable file`,
    )
  }
}
