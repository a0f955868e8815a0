import type { Outcome } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { contentOf, isSameContent } from './content.ts'
import {
  advanceSessions,
  type CurrentVersion,
  deleteCallLegs,
  insertCallLegs,
  insertSessions,
  lockSessions,
  replaceSessions,
  type SessionVersion,
} from './sessions.ts'

/** Versions of sessions to write, each list with the oldest first. */
export interface Versions {
  /** Told by deliveries that no session's row knows of yet. */
  told: readonly SessionVersion[]
  /** Told by deliveries that were written before and are read again: each may change the row that names it. */
  again: readonly SessionVersion[]
}

/** The versions that make or change a row, and what became of those that were told. */
export interface JudgedVersions {
  /** There is no row of these sessions. */
  inserted: SessionVersion[]
  /** They give a row other content. */
  replacing: SessionVersion[]
  /** They are newer than the row, and have its content. */
  repeating: SessionVersion[]
  /** The outcome of each version that was told, by delivery id. */
  outcomes: Map<string, Outcome>
}

/**
 * Decides which versions make or change a session's row.
 *
 * Of those that are told the newest decides, where it is newer than the row. Without such a one the delivery that the
 * row names may be read in another way than before.
 *
 * @param current the rows as they stand, by session id; a session without one is inserted
 */
export function judgeVersions(
  { told, again }: Versions,
  current: ReadonlyMap<string, CurrentVersion>,
): JudgedVersions {
  const candidates = newestOfSessions(told)
  const [present, inserted] = partition(candidates, ({ session }) => current.has(session.sessionId))
  const newer = present.filter((version) => byLedgerKey(version, rowOf(version)) > 0)
  const [repeating, replacingNewer] = partition(newer, hasContentOfRow)
  const decided = new Set(newer.map(({ session }) => session.sessionId))
  const reread = newestOfSessions(again).filter(
    (version) =>
      !decided.has(version.session.sessionId) &&
      current.get(version.session.sessionId)?.deliveryId === version.deliveryId &&
      !hasContentOfRow(version),
  )
  const replacing = [...replacingNewer, ...reread].sort(bySessionId)

  const storedById = new Map(
    [...inserted, ...replacing].map((version) => [version.session.sessionId, version]),
  )
  const outcomes = new Map(told.map((version) => [version.deliveryId, outcomeOf(version)]))
  return { inserted, replacing, repeating, outcomes }

  function rowOf({ session }: SessionVersion): CurrentVersion {
    return current.get(session.sessionId)!
  }

  function hasContentOfRow(version: SessionVersion): boolean {
    return isSameContent(contentOf(version.session), rowOf(version).content)
  }

  /** Every version but the stored one is judged by the session as it stands now. */
  function outcomeOf(version: SessionVersion): Outcome {
    const storedVersion = storedById.get(version.session.sessionId)
    if (version === storedVersion) return 'stored'
    const standing = storedVersion ? contentOf(storedVersion.session) : rowOf(version).content
    return isSameContent(contentOf(version.session), standing) ? 'duplicate' : 'superseded'
  }
}

/**
 * Brings the sessions up to these versions. A session that is told for the first time is only inserted. The others are
 * compared, because a repeated delivery may have the same content in other bytes.
 */
export async function writeSessions(
  client: ClientBase,
  versions: Versions,
  pipelineVersion: string,
): Promise<JudgedVersions> {
  const current = await insertOrLock(client, versions, pipelineVersion)
  const judged = judgeVersions(versions, current)
  const { inserted, replacing, repeating } = judged
  if (replacing.length > 0) {
    await replaceSessions(client, replacing, pipelineVersion)
    await deleteCallLegs(
      client,
      replacing.map((version) => version.session.sessionId),
    )
  }
  if (repeating.length > 0) await advanceSessions(client, repeating)
  const stored = [...inserted, ...replacing]
  await insertCallLegs(
    client,
    stored.map((version) => version.session),
  )
  return judged
}

/**
 * Inserts the sessions that are told and have no row, and locks the rows of all others.
 *
 * @returns the locked rows, by session id; a session that is told and has none here was inserted.
 */
async function insertOrLock(
  client: ClientBase,
  { told, again }: Versions,
  pipelineVersion: string,
): Promise<Map<string, CurrentVersion>> {
  const current = new Map<string, CurrentVersion>()
  let left = newestOfSessions(told)
  let idsToLock = again.map(({ session }) => session.sessionId)
  while (left.length > 0 || idsToLock.length > 0) {
    const insertedIds = left.length > 0 ? await insertSessions(client, left, pipelineVersion) : new Set()
    const present = left.filter(({ session }) => !insertedIds.has(session.sessionId))
    idsToLock.push(...present.map(({ session }) => session.sessionId))
    if (idsToLock.length === 0) break
    const locked = await lockSessions(client, idsToLock)
    for (const [sessionId, version] of locked) current.set(sessionId, version)
    // A session that was deleted between the two statements is inserted once more.
    left = present.filter(({ session }) => !locked.has(session.sessionId))
    idsToLock = []
  }
  return current
}

/** @returns the newest version of each session, in the order of their ids. */
function newestOfSessions(versions: readonly SessionVersion[]): SessionVersion[] {
  return [...new Map(versions.map((version) => [version.session.sessionId, version])).values()].sort(
    bySessionId,
  )
}

/** @returns the items that pass the test, and the others, both in their order. */
function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))]
}

type LedgerKey = { receivedAtMs: number; deliveryId: string }

/** Sorts like (received_at, delivery_id) in Postgres, because lower-case UUIDs sort like their bytes. */
export function byLedgerKey(one: LedgerKey, other: LedgerKey): number {
  return one.receivedAtMs - other.receivedAtMs || compareText(one.deliveryId, other.deliveryId)
}

function bySessionId(one: SessionVersion, other: SessionVersion): number {
  return compareText(one.session.sessionId, other.session.sessionId)
}

function compareText(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
