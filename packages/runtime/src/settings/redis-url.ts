import { isIP } from 'node:net'
import { ConfigError } from './config-error.ts'
import type { Kind } from './variable.ts'

export interface HostAndPort {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
}

/** A user of a Redis or of its sentinels. Without a user name the password is that of the user `default`. */
interface Credentials {
  readonly username?: string
  readonly password?: string
}

/** A Redis, as REDIS_URL names it. */
export type RedisAddress =
  /** One server, or an address that follows the primary. ioredis reads this URL itself. */
  | { readonly kind: 'server'; readonly url: string }
  /** Some of the nodes of a Redis Cluster, which name the others. */
  | ({
      readonly kind: 'cluster'
      readonly nodes: readonly HostAndPort[]
      readonly tls: boolean
    } & Credentials)
  /** The sentinels that know the primary of that name. */
  | ({
      readonly kind: 'sentinel'
      readonly sentinels: readonly HostAndPort[]
      readonly name: string
      readonly database: number
      /** Of the connections to Redis and to the sentinels. */
      readonly tls: boolean
      readonly sentinel: Credentials
    } & Credentials)

const takes =
  'a URL that begins with redis://, redis+cluster:// or redis+sentinel://, or with rediss in place of redis for TLS'
const forms = {
  cluster: 'redis+cluster://user:password@host:port,host:port',
  sentinel: 'redis+sentinel://user:password@host:port,host:port/NAME',
} as const
const defaultPorts = { cluster: 6_379, sentinel: 26_379 } as const
const sentinelParameters = ['sentinelUsername', 'sentinelPassword']
const mostHosts = 100
const mostDatabases = 65_536

/** Hosts come after the last @ before the path. A slash in a password has to be written as %2F. */
const severalHosts =
  /^(?<tls>rediss?)\+(?<kind>cluster|sentinel):\/\/(?:(?<user>[^/?#]*)@)?(?<hosts>[^@/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/

/** The URL of a Redis, of a Redis Cluster or of sentinels. It may hold passwords, so errors show no part of it. */
export function redisUrl(): Kind<string> {
  return {
    takes,
    read({ name, text }) {
      const value = text.trim()
      if (value === '') return undefined
      readAddress(name, value)
      return value
    },
  }
}

/** Reads a URL that {@link redisUrl} has taken. @throws ConfigError for any other one */
export function parseRedisUrl(url: string): RedisAddress {
  return readAddress('REDIS_URL', url)
}

/** The hosts in a URL of a Redis, with their ports: the servers, or the sentinels. @throws ConfigError */
export function redisHosts(url: string): readonly HostAndPort[] {
  const address = parseRedisUrl(url)
  if (address.kind === 'cluster') return address.nodes
  if (address.kind === 'sentinel') return address.sentinels
  const { hostname, port } = new URL(url)
  return [{ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPorts.cluster) }]
}

function readAddress(name: string, url: string): RedisAddress {
  const protocol = /^([a-z][a-z0-9+.-]{0,20}:)\/\//i.exec(url)?.[1]?.toLowerCase()
  if (protocol === 'redis:' || protocol === 'rediss:') {
    if (URL.canParse(url)) return { kind: 'server', url }
    throw new ConfigError(`${name} is not a URL: it takes ${takes}`)
  }
  const isOneOfSeveralHosts = protocol !== undefined && /^rediss?\+(cluster|sentinel):$/.test(protocol)
  if (!isOneOfSeveralHosts) {
    const found = protocol === undefined ? 'is not a URL' : `begins with "${protocol}"`
    throw new ConfigError(`${name} ${found}: it takes ${takes}`)
  }
  const kind = protocol.includes('cluster') ? 'cluster' : 'sentinel'
  const refuse = (what: string): never => {
    throw new ConfigError(`${name} ${what}: it takes ${forms[kind]}`)
  }
  const found = severalHosts.exec(protocol + url.slice(protocol.length))?.groups
  if (found === undefined) return refuse('cannot be read')
  const common = { tls: found.tls === 'rediss', ...readCredentials(found.user, refuse) }
  const hosts = readHosts(found.hosts ?? '', defaultPorts[kind], refuse)
  const parameters = new URLSearchParams(found.query)
  const [, ...path] = (found.path ?? '').replace(/\/$/, '').split('/')
  if (kind === 'cluster') {
    if (path.length > 0) refuse('has a path, but a cluster has one database only')
    if (parameters.size > 0) refuse('has parameters')
    return { kind, nodes: hosts, ...common }
  }
  const [primary = '', database = '0', ...more] = path.map((part) => decode(part, refuse))
  if (primary === '') refuse('has no name of a primary')
  if (!/^\d{1,5}$/.test(database) || Number(database) >= mostDatabases || more.length > 0) {
    refuse('has more after the name of the primary than the number of a database')
  }
  return {
    kind,
    sentinels: hosts,
    name: primary,
    database: Number(database),
    ...common,
    sentinel: readSentinelCredentials(parameters, refuse),
  }
}

type Refuse = (what: string) => never

function readCredentials(text: string | undefined, refuse: Refuse): Credentials {
  if (text === undefined) return {}
  const colon = text.indexOf(':')
  if (colon === -1) refuse('has a user without a password')
  const username = decode(text.slice(0, colon), refuse)
  const password = decode(text.slice(colon + 1), refuse)
  return username === '' ? { password } : { username, password }
}

function readSentinelCredentials(parameters: URLSearchParams, refuse: Refuse): Credentials {
  const isKnown = [...parameters.keys()].every((key) => sentinelParameters.includes(key))
  if (!isKnown) refuse(`has other parameters than ${sentinelParameters.join(' and ')}`)
  const username = parameters.get('sentinelUsername')
  const password = parameters.get('sentinelPassword')
  if (password === null && username !== null) refuse('has a sentinelUsername without a sentinelPassword')
  return { ...(username !== null && { username }), ...(password !== null && { password }) }
}

function readHosts(text: string, defaultPort: number, refuse: Refuse): HostAndPort[] {
  const hosts = text.split(',').map((part) => readHost(part, defaultPort))
  const readable = hosts.filter((host) => host !== undefined)
  if (readable.length < hosts.length) refuse('has a host that cannot be read')
  if (hosts.length > mostHosts) refuse(`has more than ${mostHosts} hosts`)
  return readable
}

/** @returns undefined for a text that is no host. */
function readHost(text: string, defaultPort: number): HostAndPort | undefined {
  const found = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/.exec(text)
  const { v6, name, port = String(defaultPort) } = found?.groups ?? {}
  const host = v6 ?? name
  if (host === undefined || (v6 !== undefined && isIP(v6) !== 6)) return undefined
  return Number(port) >= 1 && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined
}

function decode(text: string, refuse: Refuse): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse('has a % that begins no code such as %2F')
  }
}
