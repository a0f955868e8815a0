import { setTimeout as delay } from 'node:timers/promises'
import { type DatabaseAddress, parseDatabaseUrl, type SessionAttributes } from '@vss-pipeline/runtime'
import pg from 'pg'
import { StorageFault, toStorageFault } from './errors.ts'
import { encryptionsOf } from './tls.ts'

/** Finds the server behind a URL that names several hosts, or leaves it open whether they speak TLS. */
export interface Locator {
  /**
   * Finds it, unless it is known.
   *
   * @returns a function that gives the configuration of a client, and reads the files of certificates for it.
   * @throws StorageFault when no server fits
   */
  locate(): Promise<() => pg.ClientConfig>
  /** Says that a connection broke or was refused: the next call looks again. */
  forget(): void
}

/** Hosts are asked at once. A silent one delays those behind it in the list for so long. */
const askingTimeoutMs = 2_000

/** A server that fits waits so long for the answers of the others, which may have taken over from it. */
const rivalsTimeoutMs = 500

/** A server that is no more than second best is used for so long. */
const secondBestMs = 60_000

/** The properties of a server that libpq asks for. */
interface ServerState {
  isStandby: boolean
  isReadOnly: boolean
  /** A promotion begins the next one. 0 where nobody asked. */
  timeline: number
}

const fits: Record<SessionAttributes, (server: ServerState) => boolean> = {
  any: () => true,
  'read-write': ({ isReadOnly }) => !isReadOnly,
  'read-only': ({ isReadOnly }) => isReadOnly,
  primary: ({ isStandby }) => !isStandby,
  standby: ({ isStandby }) => isStandby,
  'prefer-standby': ({ isStandby }) => isStandby,
}

const wanted: Record<SessionAttributes, string> = {
  any: 'answers',
  'read-write': 'takes writes',
  'read-only': 'is read-only',
  primary: 'is a primary',
  standby: 'is a standby',
  'prefer-standby': 'answers',
}

/**
 * Makes a locator. A server that it has found is kept until {@link Locator.forget}.
 *
 * @throws ConfigError where the URL is none
 */
export function createLocator(databaseUrl: string): Locator {
  const address = parseDatabaseUrl(databaseUrl)
  const { hosts, sessionAttributes, tls } = address
  let found: Promise<Place> | undefined

  async function find(): Promise<Place> {
    const place = await findPlace(address)
    if (place.isSecondBest) setTimeout(forget, secondBestMs).unref()
    return place
  }

  async function findOnce(): Promise<Place> {
    found ??= find()
    try {
      return await found
    } catch (error) {
      forget()
      throw error
    }
  }

  function forget(): void {
    found = undefined
  }

  const isOpen = hosts.length > 1 || sessionAttributes !== 'any' || ['allow', 'prefer'].includes(tls.mode)
  return {
    async locate() {
      const place = isOpen ? await findOnce() : { host: 0, attempt: 0 }
      return () => configOf(address, place)
    },
    forget,
  }
}

/** A host of the address, and a way to encrypt, both by their place in order. */
interface Place {
  host: number
  attempt: number
  isSecondBest?: boolean
}

function configOf({ hosts, tls }: DatabaseAddress, { host, attempt }: Place): pg.ClientConfig {
  return {
    connectionString: hosts[host]!.url,
    ssl: encryptionsOf(tls)[attempt]!,
    ...(tls.isDirect && { sslnegotiation: 'direct' }),
  }
}

interface FoundServer {
  place: Place
  state: ServerState
}

type Answer = FoundServer | { fault: StorageFault }

/** Of the servers that fit it takes the one that the URL names first. */
async function findPlace(address: DatabaseAddress): Promise<Place> {
  const { hosts, sessionAttributes } = address
  const asked = hosts.map((_, host) => askHost(address, host))
  const answers: Answer[] = []
  for (const question of asked) {
    const answer = await question
    answers.push(answer)
    if ('place' in answer && fits[sessionAttributes](answer.state)) return await findSuccessor(answer, asked)
  }
  const second = answers.find((answer) => 'place' in answer)
  if (sessionAttributes === 'prefer-standby' && second !== undefined) {
    return { ...second.place, isSecondBest: true }
  }
  throw explain(address, answers)
}

/**
 * Where several servers take writes, all but one of them should not: a primary that came back after another one had taken
 * its place. The one on the latest timeline has the rows since then.
 */
async function findSuccessor(first: FoundServer, asked: readonly Promise<Answer>[]): Promise<Place> {
  if (first.state.timeline === 0) return first.place
  const patience = delay(rivalsTimeoutMs, undefined, { ref: false })
  const rivals = await Promise.all(asked.map((question) => Promise.race([question, patience])))
  return rivals.reduce<FoundServer>(
    (latest, rival) =>
      rival && 'place' in rival && !rival.state.isReadOnly && rival.state.timeline > latest.state.timeline
        ? rival
        : latest,
    first,
  ).place
}

/** Asks one host, in each of the ways to encrypt until one succeeds. It never rejects: nobody may wait for it any more. */
async function askHost(address: DatabaseAddress, host: number): Promise<Answer> {
  const faults: StorageFault[] = []
  try {
    // It throws while a certificate is replaced.
    for (const attempt of encryptionsOf(address.tls).keys()) {
      const place = { host, attempt }
      try {
        return { place, state: await askServer(configOf(address, place), timelineOf(address)) }
      } catch (error) {
        faults.push(toStorageFault(error))
      }
    }
  } catch (error) {
    faults.push(toStorageFault(error))
  }
  return { fault: faults[0]! }
}

/** SQL for the timeline, as far as it matters: not every server that looks like Postgres can tell it. */
function timelineOf({ hosts, sessionAttributes }: DatabaseAddress): string {
  const matters = hosts.length > 1 && ['read-write', 'primary'].includes(sessionAttributes)
  if (!matters) return '0'
  return `CASE WHEN pg_is_in_recovery() THEN 0
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END`
}

async function askServer(config: pg.ClientConfig, timeline: string): Promise<ServerState> {
  const client = new pg.Client({
    ...config,
    application_name: 'vss-locator',
    connectionTimeoutMillis: askingTimeoutMs,
    query_timeout: askingTimeoutMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<ServerState>(
      `SELECT pg_is_in_recovery() AS "isStandby",
         current_setting('transaction_read_only')::boolean AS "isReadOnly", ${timeline} AS timeline`,
    )
    return rows[0]!
  } finally {
    void client.end().catch(() => {})
  }
}

function explain({ hosts, sessionAttributes }: DatabaseAddress, answers: readonly Answer[]): StorageFault {
  const faults = answers.flatMap((answer) => ('fault' in answer ? [answer.fault] : []))
  if (hosts.length === 1 && faults[0] !== undefined) return faults[0]
  const reasons = answers.map((answer, host) => {
    const reason = 'fault' in answer ? answer.fault.message : describe(answer.state)
    return `${hosts[host]!.name}: ${reason}`
  })
  const sqlStates = new Set(faults.map(({ sqlState }) => sqlState))
  const [sqlState] = sqlStates.size === 1 ? sqlStates : []
  return new StorageFault(
    'database_unavailable',
    `no host of the URL ${wanted[sessionAttributes]} (${reasons.join('; ')})`,
    sqlState === undefined ? {} : { sqlState },
  )
}

function describe({ isStandby, isReadOnly }: ServerState): string {
  if (isStandby) return 'a standby'
  return isReadOnly ? 'read-only' : 'a primary that takes writes'
}
