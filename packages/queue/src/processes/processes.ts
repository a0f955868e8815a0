import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { pipelineVersion, repeatEvery, withinMs } from '@vss-pipeline/runtime'
import type { RedisClient } from '../connection.ts'
import { nowInScript } from '../time-in-script.ts'
import { type ProcessReport, readReport, type ServiceName } from './report.ts'

/**
 * The processes of the pipeline. Each tells Redis about itself every second, in a key of its own that lasts for ten
 * seconds. A sorted set has the names of all of them by the time of their last word. It keeps those that have ended for
 * an hour, so that it also tells since when there is none.
 */

const intervalMs = 1_000
/** A process that is killed, frozen or cut off from Redis counts as gone after this long. */
const lastsMs = 10_000
const rememberedMs = 3_600_000
/** A bound for both sides: more are neither remembered nor read. */
const mostProcesses = 1_000
/** Longer than any report, so that a hostile one costs nothing. */
const longestReportBytes = 16_384
/** A word from later than this was told before the clock of Redis was set back, by a process that may have ended. */
const latestInScript = `now + ${lastsMs}`
const goodbyeTimeoutMs = 1_000
/** The last moment that a Date can have. */
const latestMs = 8_640_000_000_000_000

function indexKey(prefix: string): string {
  return `${prefix}:processes`
}

function reportKey(prefix: string, id: string): string {
  return `${prefix}:process:${id}`
}

const tellScript = `${nowInScript}
redis.call('SET', KEYS[2], ARGV[2], 'PX', ${lastsMs})
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ${rememberedMs})
redis.call('ZREMRANGEBYSCORE', KEYS[1], ${latestInScript}, '+inf')
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, ${-1 - mostProcesses})
redis.call('PEXPIRE', KEYS[1], ${rememberedMs})`

/** A service's own part of its report. The rest is the same for all services. */
export type OwnReport<Service extends ServiceName> = Omit<
  Extract<ProcessReport, { service: Service }>,
  'id' | 'place' | 'service' | 'version' | 'startedAtMs' | 'clockMs'
>

/** A process' part in the list of processes. */
export interface ProcessTelling {
  /** Tells now. It resolves also where Redis is away. */
  tell(): Promise<void>
  /** Says goodbye: the process is gone at once. */
  close(): Promise<void>
}

/**
 * Tells Redis about this process each second, and as soon as there is a connection. While Redis is away it tells
 * nothing, and the report after that has all that happened meanwhile.
 *
 * @param deps.client may wait for the return of Redis: no command is sent while it is away.
 * @param deps.place the host, unless the process is at a place of its own there.
 * @param deps.report gives the report as of now. It must not throw.
 */
export function tellProcess<Service extends ServiceName>(deps: {
  client: RedisClient
  prefix: string
  service: Service
  place?: string
  report: () => OwnReport<Service>
}): ProcessTelling {
  const { client, prefix, service, place = hostname(), report } = deps
  const id = randomUUID()
  const startedAtMs = Math.round(performance.timeOrigin)
  const keys = [indexKey(prefix), reportKey(prefix, id)] as const

  async function tell(): Promise<void> {
    if (client.status !== 'ready') return
    const whole = {
      id,
      place,
      service,
      version: pipelineVersion,
      startedAtMs,
      clockMs: Date.now(),
      ...report(),
    }
    // The client's owner logs that Redis is away.
    await client
      .eval(tellScript, 2, ...keys, `${service} ${id}`, JSON.stringify(whole))
      .catch(() => undefined)
  }

  const stop = repeatEvery(intervalMs, tell)
  client.on('ready', tell)
  void tell()

  return {
    tell,
    async close() {
      stop()
      client.off('ready', tell)
      if (client.status !== 'ready') return
      // Behind a report that is on its way, because it goes on the same connection.
      await withinMs(client.del(keys[1]), goodbyeTimeoutMs, 'no answer').catch(() => undefined)
    },
  }
}

/** A process that has told about itself in the last ten seconds. */
export type RunningProcess = ProcessReport & {
  /** When, by the clock of Redis. The report's `clockMs` is the same moment by its own. */
  readonly toldAtMs: number
}

/** The processes under one prefix. Times are milliseconds since the Unix epoch, by the clock of Redis. */
export interface ProcessList {
  readonly running: readonly RunningProcess[]
  /** How many run whose report cannot be read, such as those of a later release. */
  readonly unreadable: number
  /** The last word of any process of a service, also of one that has ended; absent when there was none for an hour. */
  readonly lastToldAtMs: Readonly<Partial<Record<ServiceName, number>>>
  readonly nowMs: number
}

const indexScript = `${nowInScript}
return {string.format('%.0f', now), redis.call('ZREVRANGE', KEYS[1], 0, ${mostProcesses - 1}, 'WITHSCORES')}`

// A value that is no text becomes a text that is no report.
const reportsScript = `local texts = {}
for at, key in ipairs(KEYS) do
  local text = redis.pcall('GETRANGE', key, 0, ${longestReportBytes})
  texts[at] = type(text) == 'string' and text or '-'
end
return texts`

/** Reads which processes run, the latest word first. @throws the error of ioredis */
export async function readProcesses(client: RedisClient, prefix: string): Promise<ProcessList> {
  const [now, flat] = (await client.eval(indexScript, 1, indexKey(prefix))) as [string, string[]]
  const nowMs = Number(now)
  const told: Told[] = []
  const recent: Told[] = []
  for (let at = 0; at < flat.length; at += 2) {
    const [service = '', id = ''] = flat[at]!.split(' ')
    const score = Number(flat[at + 1])
    const isPast = score >= 0 && score <= nowMs
    const one = { service, id, toldAtMs: score >= 0 && score <= latestMs ? score : nowMs }
    if (isPast) told.push(one)
    // A word that is to come is older than a change of the clock: the report tells whether its process still runs.
    if (!isPast || nowMs - score <= lastsMs) recent.push(one)
  }
  const keys = recent.map(({ id }) => reportKey(prefix, id))
  const texts = (await client.eval(reportsScript, keys.length, ...keys)) as string[]
  const reports = recent.flatMap((one, index) => {
    const text = texts[index]!
    // It has said goodbye.
    if (text === '') return []
    return [{ one, report: text.length > longestReportBytes ? undefined : readReport(text) }]
  })
  return {
    running: reports.flatMap(({ one, report }) => (report ? [{ ...report, toldAtMs: one.toldAtMs }] : [])),
    unreadable: reports.filter(({ report }) => report === undefined).length,
    lastToldAtMs: latestByService([...reports.map(({ one }) => one), ...told], nowMs),
    nowMs,
  }
}

const countScript = `${nowInScript}
local count = 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now - ${lastsMs}, ${latestInScript})) do
  if string.sub(name, 1, #ARGV[1]) == ARGV[1] then count = count + 1 end
end
return count`

/**
 * Counts the processes of a service that have told about themselves in the last ten seconds, also one that has said
 * goodbye since. Unlike {@link readProcesses} it reads no reports. @throws the error of ioredis
 */
export async function countProcesses(
  client: RedisClient,
  prefix: string,
  service: ServiceName,
): Promise<number> {
  return (await client.eval(countScript, 1, indexKey(prefix), `${service} `)) as number
}

interface Told {
  service: string
  id: string
  toldAtMs: number
}

/** @param told the latest first; none counts as later than now. */
function latestByService(told: readonly Told[], nowMs: number): Partial<Record<ServiceName, number>> {
  const latest: Partial<Record<ServiceName, number>> = {}
  for (const service of ['ingest', 'worker', 'console'] as const) {
    const found = told.find((one) => one.service === service)
    if (found !== undefined) latest[service] = Math.min(found.toldAtMs, nowMs)
  }
  return latest
}
