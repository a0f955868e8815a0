import { isUuid } from '@vss-pipeline/delivery'
import { type Pool, selected, sessionColumns } from '@vss-pipeline/storage'
import type { ClientBase } from 'pg'
import type { NumberSearch } from './numbers.ts'
import { readSnapshot, selectRows } from './read.ts'
import type { SessionRow } from './sessions.ts'

/** Sessions to find: those to which every given member applies. */
export interface SessionSearch {
  /** The person's number of any leg, which the caller's and the callee's are. */
  readonly number?: NumberSearch
  /** The company's own number, which callers dialled or calls came from. */
  readonly virtualNumber?: NumberSearch
  /** A leg's id, a UUID. */
  readonly callId?: string
  readonly clientRequestId?: string
  readonly subAccountId?: string
  /** Any of these, as they are stored: `NO_ANSWER`. */
  readonly statuses?: readonly string[]
  /** A code that is among the session's anomalies. */
  readonly anomaly?: string
  /** Such as `SG-ID`, as in `vss.session_facts`. It is looked up session by session: give `since` and `until` as well. */
  readonly countryPair?: string
  /** The session started then or later. */
  readonly since?: Date
  /** The session started before. */
  readonly until?: Date
  /** `next` of the page before. */
  readonly before?: string
  /** The most sessions to return. */
  readonly limit: number
}

export interface FoundSessions {
  /** The latest start first. */
  sessions: SessionRow[]
  /** The place where the next page begins, for `before`; null when there is no further session. */
  next: string | null
}

/** Thrown for a `before` that {@link findSessions} did not give. */
export class NoPlaceError extends Error {
  override readonly name = 'NoPlaceError'
  readonly code = 'no_place'
}

/**
 * Finds sessions, the latest start first.
 *
 * Indexes answer a number, a call id and a client request id whatever the time. Every other search reads the sessions
 * between `since` and `until` until it has enough: give both, or it may read them all.
 *
 * @throws StorageFault of SQLSTATE 57014 when it takes longer than the pool lets a statement take
 * @throws NoPlaceError
 */
export async function findSessions(pool: Pool, search: SessionSearch): Promise<FoundSessions> {
  if (search.callId !== undefined && !isUuid(search.callId)) return { sessions: [], next: null }
  // An error that is thrown within the transaction is taken for one of the database.
  if (search.before !== undefined) readPlace(search.before)
  return await readSnapshot(pool, async (client) => {
    await client.query(timesLieTogether)
    const { text, values } = findStatement(search, await readSessionsOfLegs(client, search))
    const rows = await selectRows<SessionRow>(client, sessionColumns, text, values)
    const sessions = rows.slice(0, search.limit)
    return { sessions, next: rows.length > search.limit ? placeOf(sessions.at(-1)!) : null }
  })
}

/**
 * Sessions lie in the table nearly in the order of their times, which the planner does not see in an index of two
 * columns: for a rare status of the last day it would read every session.
 */
const timesLieTogether = 'SET LOCAL random_page_cost = 1'

/** Sessions of a number that has more legs than this are rather found in the order of their times. */
const mostLegs = 10_000

/** @returns the sessions that have such a leg; null when no leg is searched, or when there are too many. */
async function readSessionsOfLegs(client: ClientBase, search: SessionSearch): Promise<string[] | null> {
  const statement = legStatement(search)
  if (statement === null) return null
  const { rows } = await client.query<{ session_id: string }>(statement.text, statement.values)
  return rows.length > mostLegs ? null : rows.map(({ session_id }) => session_id)
}

export interface Statement {
  text: string
  values: unknown[]
}

/** The statement that looks for legs by an index. One more than enough tells that there are too many. */
export function legStatement(search: SessionSearch): Statement | null {
  const [first] = legConditions(search)
  if (first === undefined) return null
  const values: unknown[] = []
  return { text: `SELECT session_id FROM ${first(values)} LIMIT ${mostLegs + 1}`, values }
}

/** Adds its values to those of a statement. @returns a table with its WHERE. */
type LegCondition = (values: unknown[]) => string

/** The conditions about legs. The first one is the rarest. */
function legConditions({ callId, number }: SessionSearch): LegCondition[] {
  const conditions: LegCondition[] = []
  if (callId !== undefined) {
    conditions.push((values) => `vss.call_legs WHERE call_id = ${parameter(values, callId)}::uuid`)
  }
  if (number) {
    conditions.push((values) => `vss.leg_numbers WHERE ${matches('number_backwards', number, values)}`)
  }
  return conditions
}

/**
 * The statement that reads a page and one session more.
 *
 * Sessions that are known by their legs are looked up one by one. Without OFFSET 0 the planner could read all sessions
 * in the order of time until it has met enough of the known ones, and the last of them may be years ago. In the
 * conditions about legs it keeps the planner from joining all legs.
 *
 * @param knownIds the sessions for which the first condition about legs holds; null where these are not known
 */
export function findStatement(search: SessionSearch, knownIds: readonly string[] | null): Statement {
  const values: unknown[] = []
  const conditions = sessionConditions(search, values)
  const ofLegs = legConditions(search)
  let source = 'vss.sessions'
  if (knownIds !== null) {
    ofLegs.shift()
    source = `(SELECT DISTINCT unnest(${parameter(values, knownIds)}::uuid[]) AS id) AS known
CROSS JOIN LATERAL (SELECT * FROM vss.sessions WHERE session_id = known.id OFFSET 0) AS sessions`
  }
  for (const condition of ofLegs) {
    conditions.push(`EXISTS (SELECT FROM ${condition(values)} AND session_id = sessions.session_id OFFSET 0)`)
  }
  const text = `SELECT
${selected(sessionColumns)}
FROM ${source}
WHERE ${conditions.join('\n  AND ') || 'true'}
ORDER BY started_at DESC, session_id DESC
LIMIT ${parameter(values, search.limit + 1)}`
  return { text, values }
}

function sessionConditions(search: SessionSearch, values: unknown[]): string[] {
  const {
    virtualNumber,
    clientRequestId,
    subAccountId,
    statuses,
    anomaly,
    countryPair,
    since,
    until,
    before,
  } = search
  const given = (value: unknown) => parameter(values, value)
  const conditions: string[] = []
  if (since) conditions.push(`started_at >= ${given(since.toISOString())}::timestamptz`)
  if (until) conditions.push(`started_at < ${given(until.toISOString())}::timestamptz`)
  if (before !== undefined) {
    const { startedAt, sessionId } = readPlace(before)
    const time = `${given(startedAt)}::timestamptz`
    // The index of times answers the first condition alone.
    conditions.push(
      `started_at <= ${time}`,
      `(started_at, session_id) < (${time}, ${given(sessionId)}::uuid)`,
    )
  }
  if (clientRequestId !== undefined) conditions.push(`client_request_id = ${given(clientRequestId)}`)
  if (subAccountId !== undefined) conditions.push(`sub_account_id = ${given(subAccountId)}`)
  if (statuses) conditions.push(`status = ANY (${given(statuses)}::text[])`)
  if (anomaly !== undefined) conditions.push(`anomalies @> ARRAY[${given(anomaly)}]`)
  if (countryPair !== undefined) {
    conditions.push(
      `(SELECT country_pair FROM vss.session_facts WHERE session_id = sessions.session_id OFFSET 0) = ${given(countryPair)}`,
    )
  }
  if (virtualNumber) conditions.push(matches('reverse(virtual_number)', virtualNumber, values))
  return conditions
}

/** The end of a number holds digits alone, nothing that means something in a pattern. */
function matches(column: string, { whole, ending }: NumberSearch, values: unknown[]): string {
  return whole
    ? `${column} = ANY (${parameter(values, whole)}::text[])`
    : `${column} LIKE ${parameter(values, `${ending}%`)}`
}

/** Adds a value to those of a statement. @returns the name of the value there. */
function parameter(values: unknown[], value: unknown): string {
  return `$${values.push(value)}`
}

function placeOf({ startedAt, sessionId }: SessionRow): string {
  return `${startedAt}_${sessionId}`
}

const placeForm = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)_(.*)$/

/** @throws NoPlaceError */
function readPlace(place: string): { startedAt: string; sessionId: string } {
  const [, startedAt = '', sessionId = ''] = placeForm.exec(place) ?? []
  const time = new Date(startedAt)
  // Date reads 30 February as 2 March, which Postgres refuses.
  if (!isUuid(sessionId) || Number.isNaN(time.getTime()) || time.toISOString() !== startedAt) {
    throw new NoPlaceError('expected the place where the page before ended, as it was given')
  }
  return { startedAt, sessionId }
}
