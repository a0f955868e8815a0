import { hash } from 'node:crypto'
import { type LedgerEntry, type Outcome, reasonsOf, sessionIdOf } from '@vss-pipeline/vss/vocabulary'
import type { ClientBase } from 'pg'
import { contentOf, isSameContent } from './content.ts'
import { insertLedgerRows, type LedgerRow, selectRecordedIds } from './ledger.ts'
import { insertTallies, talliesOf } from './minutes.ts'
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

/**
 * Writes entries of distinct delivery ids in the caller's transaction, and tells the outcome of each.
 *
 * These are separate statements on purpose. Under READ COMMITTED each of them sees all that other transactions
 * committed before it began. So every statement after {@link lockSessions} sees the locked rows as they are. A single
 * statement with CTEs would compare, and delete legs, by a snapshot from before it waited for the locks.
 *
 * @returns the ledger rows that were inserted: all but those of deliveries that were in the ledger already.
 */
export async function flush(
  client: ClientBase,
  entries: readonly LedgerEntry[],
  pipelineVersion: string,
): Promise<LedgerRow[]> {
  const recordedIds = await selectRecordedIds(client, entries)
  const fresh = entries.filter((entry) => !recordedIds.has(entry.deliveryId)).sort(byLedgerKey)
  if (fresh.length === 0) return []

  const rows = fresh.map((entry) => ({ entry, bodySha256: sha256(entry.body) }))
  const outcomes = await writeSessions(client, rows.flatMap(sessionVersion), pipelineVersion)
  const ledgerRows = rows.map((row) => ({
    ...row,
    sessionId: sessionIdOf(row.entry),
    source: row.entry.context?.source ?? ('webhook' as const),
    outcome: ledgerOutcome(row.entry, outcomes),
    reasons: reasonsOf(row.entry),
  }))

  const insertedIds = await insertLedgerRows(client, ledgerRows, pipelineVersion)
  const recorded = ledgerRows.filter((row) => insertedIds.has(row.entry.deliveryId))
  await insertTallies(client, talliesOf(recorded))
  return recorded
}

function ledgerOutcome({ deliveryId, verdict }: LedgerEntry, ofSessions: Map<string, Outcome>): Outcome {
  if (verdict.kind === 'rejected') return 'rejected'
  const outcome = ofSessions.get(deliveryId)
  if (outcome === undefined) throw new Error(`a flush has no outcome of delivery ${deliveryId}`)
  return outcome
}

/**
 * Brings the sessions up to these versions, which come oldest first. A session that is told for the first time is only
 * inserted. The others are compared, because a repeated delivery may have the same content in other bytes.
 *
 * @returns the outcome of each, by delivery id.
 */
async function writeSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
  pipelineVersion: string,
): Promise<Map<string, Outcome>> {
  if (versions.length === 0) return new Map()
  const newestById = new Map(versions.map((version) => [version.session.sessionId, version]))
  const candidates = [...newestById.values()].sort(bySessionId)

  const { inserted, current } = await insertOrLock(client, candidates, pipelineVersion)
  const newer = candidates.filter((version) => isNewer(version, current.get(version.session.sessionId)))
  const [repeating, replacing] = partition(newer, ({ session }) =>
    isSameContent(contentOf(session), current.get(session.sessionId)!.content),
  )
  if (replacing.length > 0) {
    await replaceSessions(client, replacing, pipelineVersion)
    await deleteCallLegs(
      client,
      replacing.map((version) => version.session.sessionId),
    )
  }
  if (repeating.length > 0) await advanceSessions(client, repeating)
  const stored = [...inserted, ...replacing]
  if (stored.length > 0) {
    await insertCallLegs(
      client,
      stored.map((version) => version.session),
    )
  }

  const storedById = new Map(stored.map((version) => [version.session.sessionId, version]))
  return new Map(versions.map((version) => [version.deliveryId, outcomeOf(version)]))

  /** Every version but the stored one is judged by the session as it stands now. */
  function outcomeOf(version: SessionVersion): Outcome {
    const { sessionId } = version.session
    const storedVersion = storedById.get(sessionId)
    if (version === storedVersion) return 'stored'
    const standing = storedVersion ? contentOf(storedVersion.session) : current.get(sessionId)!.content
    return isSameContent(contentOf(version.session), standing) ? 'duplicate' : 'superseded'
  }
}

/** Inserts the sessions that have no row, and locks the rows of all others. `current` has these, by session id. */
async function insertOrLock(
  client: ClientBase,
  versions: readonly SessionVersion[],
  pipelineVersion: string,
): Promise<{ inserted: SessionVersion[]; current: Map<string, CurrentVersion> }> {
  const inserted: SessionVersion[] = []
  const current = new Map<string, CurrentVersion>()
  let left = versions
  while (left.length > 0) {
    const insertedIds = await insertSessions(client, left, pipelineVersion)
    const [absent, present] = partition(left, ({ session }) => insertedIds.has(session.sessionId))
    inserted.push(...absent)
    if (present.length === 0) break
    const locked = await lockSessions(
      client,
      present.map(({ session }) => session.sessionId),
    )
    for (const [sessionId, version] of locked) current.set(sessionId, version)
    // A session that was deleted between the two statements is inserted once more.
    left = present.filter(({ session }) => !locked.has(session.sessionId))
  }
  return { inserted, current }
}

function sessionVersion({ entry, bodySha256 }: Pick<LedgerRow, 'entry' | 'bodySha256'>): SessionVersion[] {
  const { deliveryId, receivedAtMs, verdict } = entry
  return verdict.kind === 'session'
    ? [{ deliveryId, receivedAtMs, bodySha256, session: verdict.session }]
    : []
}

function sha256(body: Uint8Array | null): Buffer | null {
  return body === null ? null : hash('sha256', body, 'buffer')
}

function isNewer(version: SessionVersion, current: CurrentVersion | undefined): boolean {
  return current !== undefined && byLedgerKey(version, current) > 0
}

/** @returns the items that pass the test, and the others, both in their order. */
function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))]
}

type LedgerKey = { receivedAtMs: number; deliveryId: string }

/** Sorts like (received_at, delivery_id) in Postgres, because lower-case UUIDs sort like their bytes. */
function byLedgerKey(one: LedgerKey, other: LedgerKey): number {
  return one.receivedAtMs - other.receivedAtMs || compareText(one.deliveryId, other.deliveryId)
}

function bySessionId(one: SessionVersion, other: SessionVersion): number {
  return compareText(one.session.sessionId, other.session.sessionId)
}

function compareText(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
