import { isIP } from 'node:net'
import { ConfigError, createEnvReader } from '@vss-pipeline/runtime'
import { logLevels } from '@vss-pipeline/runtime/service'

/** Everything ingest can be told, from the environment; see the README's table. */
export interface IngestConfig {
  host: string
  port: number
  opsHost: string
  opsPort: number
  redisUrl: string
  /** How many replicas must have a delivery before it is acknowledged. */
  redisWaitReplicas: number
  queuePrefix: string
  /** How many queues there are. */
  queueShards: number
  /** Any of them authenticates a request; empty accepts all. */
  webhookSecrets: string[]
  /** The request header that carries the secret, lower case. */
  webhookAuthHeader: string
  /** CIDRs that may send; empty allows all. */
  allowedIps: string[]
  /** CIDRs of proxies whose X-Forwarded-For is believed. */
  trustedProxies: string[]
  maxBodyBytes: number
  maxConnections: number
  /** How long a request may take to arrive, headers and body, and an answer to be taken. */
  requestTimeoutMs: number
  /** How long a connection without a request stays open. */
  keepAliveTimeoutMs: number
  /** From receipt to durable, waiting for a turn included. */
  enqueueTimeoutMs: number
  /** Where deliveries are kept while Redis is away; without it they are refused then. */
  spoolDir: string | undefined
  spoolMaxBytes: number
  /** How much memory bodies that are arriving and deliveries that wait to be kept may take; the rest is refused. */
  maxWaitingBytes: number
  logLevel: string
  shutdownTimeoutMs: number
}

const mib = 1024 * 1024
const gib = 1024 * mib

/** @throws ConfigError with one line that names the variable, what it got and what it takes. */
export function loadConfig(env: NodeJS.ProcessEnv): IngestConfig {
  const read = createEnvReader(env)
  const host = read.text('HOST', { default: '127.0.0.1' })
  const config: IngestConfig = {
    host,
    port: read.integer('PORT', { default: 8080, min: 0, max: 65_535 }),
    opsHost: read.text('OPS_HOST', { default: host }),
    opsPort: read.integer('OPS_PORT', { default: 9464, min: 0, max: 65_535 }),
    redisUrl: read.url('REDIS_URL', { protocols: ['redis:', 'rediss:'] }),
    redisWaitReplicas: read.integer('REDIS_WAIT_REPLICAS', { default: 0, min: 0, max: 16 }),
    queuePrefix: read.text('QUEUE_PREFIX', { default: '{vss}' }),
    queueShards: read.integer('QUEUE_SHARDS', { default: 1, min: 1, max: 64 }),
    webhookSecrets: read.secrets('WEBHOOK_SECRETS'),
    webhookAuthHeader: read.text('WEBHOOK_AUTH_HEADER', { default: 'authorization' }).toLowerCase(),
    allowedIps: readCidrs('ALLOWED_IPS', read.list('ALLOWED_IPS')),
    trustedProxies: readCidrs('TRUSTED_PROXIES', read.list('TRUSTED_PROXIES')),
    maxBodyBytes: read.integer('MAX_BODY_BYTES', { default: 65_536, min: 1_024, max: 16 * 1024 * 1024 }),
    maxConnections: read.integer('MAX_CONNECTIONS', { default: 4_096, min: 1, max: 1_000_000 }),
    requestTimeoutMs: read.integer('REQUEST_TIMEOUT_MS', { default: 10_000, min: 100, max: 600_000 }),
    // Longer than the usual proxies keep their side open, Google's 600 s included: one that sends while we close
    // finds the connection reset, and does not send a POST again.
    keepAliveTimeoutMs: read.integer('KEEP_ALIVE_TIMEOUT_MS', {
      default: 620_000,
      min: 1_000,
      max: 86_400_000,
    }),
    enqueueTimeoutMs: read.integer('ENQUEUE_TIMEOUT_MS', { default: 500, min: 10, max: 60_000 }),
    spoolDir: read.text('SPOOL_DIR', { default: '' }) || undefined,
    spoolMaxBytes: read.integer('SPOOL_MAX_BYTES', { default: gib, min: mib, max: 1024 * gib }),
    maxWaitingBytes: read.integer('MAX_WAITING_BYTES', { default: 64 * mib, min: mib, max: 64 * gib }),
    logLevel: read.text('LOG_LEVEL', { default: 'info', choices: logLevels }),
    shutdownTimeoutMs: read.integer('SHUTDOWN_TIMEOUT_MS', { default: 20_000, min: 100, max: 600_000 }),
  }
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(config.webhookAuthHeader)) {
    const name = JSON.stringify(config.webhookAuthHeader)
    throw new ConfigError(`WEBHOOK_AUTH_HEADER is ${name}: it takes the name of a request header`)
  }
  const allowUnauthenticated = read.flag('ALLOW_UNAUTHENTICATED', { default: false })
  if (config.webhookSecrets.length === 0 && !isLoopback(config.host) && !allowUnauthenticated) {
    throw new ConfigError(
      `HOST is ${JSON.stringify(config.host)} but WEBHOOK_SECRETS is not set: set a secret, or ALLOW_UNAUTHENTICATED=true to accept anyone's POST`,
    )
  }
  const weakness = explainWeakness(config.webhookSecrets, config.host)
  if (weakness !== undefined) throw new ConfigError(`WEBHOOK_SECRETS ${weakness}`)
  return config
}

/** Nobody guesses as much, whatever the characters are. */
const minSecretLength = 16

/** Why secrets are too weak for a host that others reach; undefined when they are not. It shows none of them. */
export function explainWeakness(secrets: readonly string[], host: string): string | undefined {
  const weak = secrets.find((secret) => secret.length < minSecretLength)
  if (weak === undefined || isLoopback(host)) return undefined
  return `has a secret of ${weak.length} characters: it takes ${minSecretLength} or more unless HOST is loopback`
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function readCidrs(variable: string, cidrs: string[]): string[] {
  for (const cidr of cidrs) {
    const [address = '', prefix, ...more] = cidr.split('/')
    // A zone (fe80::1%eth0) has a meaning on this machine only.
    const family = address.includes('%') ? 0 : isIP(address)
    const bits = prefix === undefined || /^\d{1,3}$/.test(prefix) ? Number(prefix ?? 0) : Number.NaN
    if (family === 0 || more.length > 0 || !(bits <= (family === 4 ? 32 : 128))) {
      throw new ConfigError(
        `${variable} has ${JSON.stringify(cidr)}: it takes addresses or CIDRs, such as 203.0.113.7 or 203.0.113.0/24`,
      )
    }
  }
  return cidrs
}
