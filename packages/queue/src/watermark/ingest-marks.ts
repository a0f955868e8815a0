import type { RedisClient } from '../connection.ts'
import { nowInScript } from '../time-in-script.ts'

/**
 * The marks of the ingests, in one hash of Redis. An ingest's mark tells how far it is: what it received before that
 * instant is in a queue, or was refused. The least of all marks bounds the watermark, also that of an ingest that has
 * ended with deliveries in its spool: its last mark stands until the next process has the spool's folder.
 */
export interface IngestMark {
  /** The id of its spool's folder; without a spool that of its process. */
  readonly id: string
  /** Its host, and its spool's folder there. For people. */
  readonly place: string
  readonly hasSpool: boolean
  /** The number of queues that it fills. */
  readonly shards: number
  /** Milliseconds since the Unix epoch, at most the time of Redis. */
  readonly untilMs: number
  /** When it was told, by the clock of Redis. */
  readonly toldAtMs: number
  /** The time of its own clock then. */
  readonly clockMs: number
  /** As it stands in Redis. No two marks are the same, because it also names the process. */
  readonly text: string
}

/** An ingest's word about itself. */
export interface OwnMark
  extends Pick<IngestMark, 'id' | 'place' | 'hasSpool' | 'shards' | 'untilMs' | 'clockMs'> {
  /** Unlike that of every other process. */
  readonly processId: string
}

/** Redis' answer to a mark. */
export interface Told {
  /** The mark as it stands in Redis. */
  readonly text: string
  /** The watermark is not beyond this until the next mark is told. Milliseconds since the Unix epoch. */
  readonly floorMs: number
}

/** The mark of an ingest that has nothing any more, or whose deliveries another one has. */
export interface RetiredMark extends Pick<IngestMark, 'id'> {
  /** As it stands in Redis; null where Redis has none, and Postgres may remember one. */
  readonly text: string | null
}

/** An ingest that runs tells its mark each second. One that has told none for this long counts as silent. */
export const silentAfterMs = 10_000

const retired = 'retired'

function ingestsKey(prefix: string): string {
  return `${prefix}:ingests`
}

/** The watermark is not beyond this. It never goes back. */
function boundKey(prefix: string): string {
  return `${prefix}:watermark-bound`
}

/** A mark that somebody has told anew is not retired: it is not the same any more. */
const retireInScript = (firstArgument: number) => `for i = ${firstArgument}, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HSETNX', KEYS[1], ARGV[i], '${retired}')
  elseif redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], '${retired}')
  end
end`

// A clock that is ahead cannot bring the mark beyond the time of Redis.
const tellScript = `${nowInScript}
local mark = math.min(tonumber(ARGV[2]), now)
local text = string.format('%.0f %.0f %s', mark, now, ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], text)
${retireInScript(4)}
return {text, string.format('%.0f', mark), redis.call('GET', KEYS[2]) or '0'}`

const retireScript = retireInScript(1)

const removeRetiredScript = `for i = 1, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) == '${retired}' then redis.call('HDEL', KEYS[1], ARGV[i]) end
end`

/**
 * Tells an ingest's mark, and retires marks that it covers, in one step.
 *
 * @throws the error of ioredis; the mark may be told all the same.
 */
export async function tellMark(
  client: RedisClient,
  prefix: string,
  mark: OwnMark,
  covered: readonly RetiredMark[] = [],
): Promise<Told> {
  const { id, untilMs, ...details } = mark
  const [text, toldMs, boundMs] = (await client.eval(
    tellScript,
    2,
    ingestsKey(prefix),
    boundKey(prefix),
    id,
    untilMs,
    JSON.stringify(details),
    ...covered.flatMap(({ id: other, text: itsText }) => [other, itsText ?? '']),
  )) as [string, string, string]
  return { text, floorMs: Math.max(Number(toldMs), Number(boundMs)) }
}

/** Retires marks, where they are still the same. */
export async function retireMarks(
  client: RedisClient,
  prefix: string,
  marks: readonly RetiredMark[],
): Promise<void> {
  if (marks.length === 0) return
  await client.eval(retireScript, 1, ingestsKey(prefix), ...marks.flatMap(({ id, text }) => [id, text ?? '']))
}

const readScript = `${nowInScript}
local fields = redis.call('HGETALL', KEYS[1])
local least = false
for i = 2, #fields, 2 do
  local mark = tonumber(string.match(fields[i], '^%d+'))
  if mark and (not least or mark < least) then least = mark end
end
local known = tonumber(redis.call('GET', KEYS[2]) or '0')
local bound = math.max(known, tonumber(ARGV[1]), least or 0)
if bound > known then redis.call('SET', KEYS[2], string.format('%.0f', bound)) end
return {string.format('%.0f', now), fields}`

/** The marks of all ingests at one instant. */
export interface Marks {
  readonly marks: readonly IngestMark[]
  /** The ids of ingests that have nothing any more. */
  readonly retired: readonly string[]
  /** The time of Redis, in milliseconds since the Unix epoch. */
  readonly nowMs: number
}

/**
 * Reads the marks of all ingests, and lets Redis know in the same step that the watermark may come up to the least of
 * them. So an ingest that begins later, by a clock that is behind, stamps no delivery before it.
 *
 * @param watermarkMs the watermark, which Redis may have forgotten. An ingest need not know it.
 * @throws when a mark cannot be read.
 */
export async function readMarks(client: RedisClient, prefix: string, watermarkMs = 0): Promise<Marks> {
  const keys = [ingestsKey(prefix), boundKey(prefix)] as const
  const [now, flat] = (await client.eval(readScript, 2, ...keys, Math.ceil(watermarkMs))) as [
    string,
    string[],
  ]
  const fields: [id: string, text: string][] = []
  for (let at = 0; at < flat.length; at += 2) fields.push([flat[at]!, flat[at + 1]!])
  return {
    marks: fields.filter(([, text]) => text !== retired).map(([id, text]) => parseMark(id, text)),
    retired: fields.filter(([, text]) => text === retired).map(([id]) => id),
    nowMs: Number(now),
  }
}

function parseMark(id: string, text: string): IngestMark {
  const [, untilMs, toldAtMs, details] = /^(\d{1,15}) (\d{1,15}) (\{.*\})$/s.exec(text) ?? []
  if (details === undefined) throw new Error(`the mark of ingest ${id} in Redis cannot be read`)
  const { place, hasSpool, shards, clockMs } = JSON.parse(details) as Partial<OwnMark>
  // An ingest of another release may leave one out: then its mark holds, as that of one with a spool does.
  return {
    id,
    place: typeof place === 'string' ? place : 'an unknown place',
    hasSpool: hasSpool !== false,
    shards: typeof shards === 'number' ? shards : 1,
    untilMs: Number(untilMs),
    toldAtMs: Number(toldAtMs),
    clockMs: typeof clockMs === 'number' ? clockMs : Number(toldAtMs),
    text,
  }
}

/** Whether any ingest has ever told its mark under the prefix, and a worker has not forgotten it. */
export async function hasMarks(client: RedisClient, prefix: string): Promise<boolean> {
  return (await client.exists(ingestsKey(prefix), boundKey(prefix))) > 0
}

/** Forgets retired marks, after Postgres has forgotten them. */
export async function removeRetired(
  client: RedisClient,
  prefix: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return
  await client.eval(removeRetiredScript, 1, ingestsKey(prefix), ...ids)
}
