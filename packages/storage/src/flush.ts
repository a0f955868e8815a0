import { hash } from 'node:crypto'
import { type LedgerEntry, type Outcome, reasonsOf, sessionIdOf } from '@vss-pipeline/vss'
import type { ClientBase } from 'pg'
import { insertLedgerRows, type LedgerRow, selectRecordedIds } from './ledger.ts'
import {
  advanceSessions,
  type CurrentVersion,
  deleteCallLegs,
  insertCallLegs,
  type SessionVersion,
  selectCurrentVersions,
  upsertSessions,
} from './sessions.ts'

/**
 * Writes entries of distinct delivery ids in the caller's transaction, and tells what became of each.
 *
 * These are separate statements on purpose. Under READ COMMITTED each sees what other transactions committed
 * before it began, so whatever follows the upsert sees the rows which that has locked as they are; a single
 * statement with CTEs would judge, and delete legs, by a snapshot taken before it waited for those locks.
 *
 * Locks are taken in one order by everyone: sessions by id, then the ledger by its key.
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
    outcome: ledgerOutcome(row.entry, outcomes),
    reasons: reasonsOf(row.entry),
  }))

  const insertedIds = await insertLedgerRows(client, ledgerRows, pipelineVersion)
  return ledgerRows.filter((row) => insertedIds.has(row.entry.deliveryId))
}

function ledgerOutcome({ deliveryId, verdict }: LedgerEntry, ofSessions: Map<string, Outcome>): Outcome {
  if (verdict.kind === 'rejected') return 'rejected'
  const outcome = ofSessions.get(deliveryId)
  if (outcome === undefined) throw new Error(`a flush has no outcome of delivery ${deliveryId}`)
  return outcome
}

/**
 * Brings the sessions up to these versions, which come oldest first.
 *
 * @returns the outcome of each, by delivery id.
 */
async function writeSessions(
  client: ClientBase,
  versions: readonly SessionVersion[],
  pipelineVersion: string,
): Promise<Map<string, Outcome>> {
  if (versions.length === 0) return new Map()
  const newest = new Map(versions.map((version) => [version.session.sessionId, version]))
  const candidates = [...newest.values()].sort(bySessionId)

  const revisions = await upsertSessions(client, candidates, pipelineVersion)
  const stored = candidates.filter(({ session }) => revisions.has(session.sessionId))
  const unwritten = candidates.filter(({ session }) => !revisions.has(session.sessionId))
  const current = await currentVersions(client, unwritten)
  const newerDuplicates = unwritten.filter((version) =>
    isNewer(version, current.get(version.session.sessionId)),
  )
  if (newerDuplicates.length > 0) await advanceSessions(client, newerDuplicates)

  const revisedIds = [...revisions].filter(([, revision]) => revision > 1).map(([sessionId]) => sessionId)
  if (revisedIds.length > 0) await deleteCallLegs(client, revisedIds)
  const storedSessions = stored.map((version) => version.session)
  if (storedSessions.length > 0) await insertCallLegs(client, storedSessions)

  const storedIds = new Set(stored.map((version) => version.deliveryId))
  return new Map(versions.map((version) => [version.deliveryId, outcomeOf(version)]))

  /** Every version but the one that was stored is judged by the row as it stands now. */
  function outcomeOf(version: SessionVersion): Outcome {
    if (storedIds.has(version.deliveryId)) return 'stored'
    const { sessionId } = version.session
    const standing = current.get(sessionId) ?? newest.get(sessionId)
    return isSameBody(version, standing) ? 'duplicate' : 'superseded'
  }
}

async function currentVersions(
  client: ClientBase,
  versions: readonly SessionVersion[],
): Promise<Map<string, CurrentVersion>> {
  if (versions.length === 0) return new Map()
  return await selectCurrentVersions(
    client,
    versions.map((version) => version.session.sessionId),
  )
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

function isSameBody(
  one: { bodySha256: Buffer | null },
  other: { bodySha256: Buffer | null } | undefined,
): boolean {
  return one.bodySha256 !== null && other?.bodySha256?.equals(one.bodySha256) === true
}

function isNewer(version: SessionVersion, current: CurrentVersion | undefined): boolean {
  return current !== undefined && byLedgerKey(version, current) > 0
}

type LedgerKey = { receivedAtMs: number; deliveryId: string }

/** The order of (received_at, delivery_id) in Postgres: as text, lower-case UUIDs sort like their bytes. */
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
