import type { Delivery } from '@vss-pipeline/delivery'
import {
  type LedgerEntry,
  type Outcome,
  type Reason,
  reasonsOf,
  sessionIdOf,
} from '@vss-pipeline/vss/vocabulary'
import type { ClientBase } from 'pg'
import { contentOf, isSameContent } from './content.ts'
import { dataErrorState, StorageFault, toStorageFault } from './errors.ts'
import { selectGoneSessions } from './gone-sessions.ts'
import { correctLedgerRows } from './ledger.ts'
import {
  type LedgerDelivery,
  type LedgerPlace,
  type LedgerSelection,
  selectLedger,
} from './ledger-selection.ts'
import { correctTallies, minuteOf, type Tally } from './minutes.ts'
import type { Pool } from './pool.ts'
import { refusedEntry } from './refused.ts'
import { type JudgedVersions, judgeVersions, type Versions, writeSessions } from './session-versions.ts'
import { type CurrentVersion, readSessions, type SessionVersion } from './sessions.ts'
import { inTransaction } from './transaction.ts'

/**
 * The effect of judging a delivery again.
 *
 * - `none`: it is as it was.
 * - `judged`: its outcome or its reasons are others.
 * - `session_rewritten`: its outcome stays, and the session that stands for it has other values.
 * - `would_reject`: it would be rejected today, and its session stands for it. Both stay as they are.
 * - `other_session`: its body names another session today. Both stay as they are.
 * - `session_gone`: it would make its session today, which somebody has deleted. It stays rejected.
 * - `no_body`: there is nothing to judge.
 */
export type RejudgedEffect =
  | 'none'
  | 'judged'
  | 'session_rewritten'
  | 'would_reject'
  | 'other_session'
  | 'session_gone'
  | 'no_body'

export interface Rejudged {
  deliveryId: string
  receivedAtMs: number
  sessionId: string | null
  from: Outcome
  to: Outcome
  effect: RejudgedEffect
}

export interface RejudgedPage {
  deliveries: Rejudged[]
  /** The place behind the last of them; null when the page is empty. */
  next: LedgerPlace | null
}

export interface RejudgeOptions {
  selection: LedgerSelection
  /** Deliveries behind this place only. */
  after: LedgerPlace | null
  /** The most deliveries of a page. */
  limit: number
  /** Reads a body with today's code. */
  judge: (delivery: Delivery) => LedgerEntry
  pipelineVersion: string
  /** Tells what would happen, and locks and writes nothing. */
  isDryRun: boolean
}

/** Thrown when another one has judged a delivery of the page meanwhile. */
class JudgedMeanwhile extends StorageFault {
  constructor() {
    super('database_busy', 'others change the same deliveries all the time')
  }
}

/** So often a page begins anew, because another one has judged a delivery of it meanwhile. */
const mostTurns = 10

/** The planner would read a whole month for a few hundred keys where a partition has no statistics yet. */
const keysAreFew =
  'SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off'
/** The planner would read and sort all that is left for each page, where the primary key has it in order. */
const keyHasTheOrder = 'SET LOCAL enable_sort = off'

/**
 * Judges one page of the ledger again, in one transaction: sessions, legs, ledger rows and their counts by minute.
 *
 * A row that stays as it is is neither locked nor written, so that a second time finds nothing to do. The order of locks
 * is that of a flush: sessions first, then deliveries in the order of their keys.
 *
 * A value that Postgres refuses halves the page until its delivery is alone: that one is rejected.
 *
 * @throws StorageFault
 */
export async function rejudgePage(pool: Pool, options: RejudgeOptions): Promise<RejudgedPage> {
  let { limit, judge } = options
  for (let turns = 1; ; ) {
    try {
      return await inTransaction(pool, (client) => rejudge(client, { ...options, limit, judge }))
    } catch (error) {
      if (error instanceof JudgedMeanwhile && turns++ < mostTurns) continue
      const sqlState = dataErrorState(error)
      if (sqlState === undefined || judge !== options.judge) throw toStorageFault(error)
      if (limit > 1) limit = Math.ceil(limit / 2)
      else judge = (delivery) => refusedEntry(options.judge(delivery), sqlState)
    }
  }
}

async function rejudge(client: ClientBase, options: RejudgeOptions): Promise<RejudgedPage> {
  const { selection, after, limit, judge, pipelineVersion, isDryRun } = options
  await client.query(planningOf(selection))
  const page = await selectLedger(client, { selection, after, limit })
  const pairs = page.map((recorded): Pair => ({ recorded, entry: readAgain(recorded, judge) }))
  const current = await readSessions(client, pairs.flatMap(sessionIdsOf))
  const told = pairs.flatMap((pair) => (isTold(pair) ? versionsOf(pair) : []))
  const gone = await selectGoneSessions(
    client,
    told.filter(({ session }) => !current.has(session.sessionId)),
  )
  const versions: Versions = {
    told: told.filter(({ session }) => !gone.has(session.sessionId)),
    again: pairs.flatMap((pair) => (isStanding(pair, current) ? versionsOf(pair) : [])).filter(isOther),
  }
  const written = isDryRun
    ? judgeVersions(versions, current)
    : await writeSessions(client, versions, pipelineVersion)

  const results = pairs.map((pair) => resultOf(pair, { current, gone, written }))
  const corrections = pairs
    .map((pair, index) => ({ ...pair, result: results[index]! }))
    .filter(({ result }) => result.effect === 'judged')
  if (!isDryRun && corrections.length > 0) await correct(client, corrections, { current, pipelineVersion })
  const last = page.at(-1)
  return { deliveries: results, next: last === undefined ? null : placeOf(last) }

  function isOther({ session }: SessionVersion): boolean {
    return !isSameContent(contentOf(session), current.get(session.sessionId)!.content)
  }
}

function planningOf({ sessionId, outcomes, reason, firstReason }: LedgerSelection): string {
  const isRejected = reason !== undefined || firstReason !== undefined || outcomes?.join() === 'rejected'
  // These have an index of their own, and few rows to sort.
  const hasIndex = sessionId !== undefined || isRejected
  return hasIndex ? keysAreFew : `${keysAreFew}; ${keyHasTheOrder}`
}

/** A delivery as the ledger has it, and as its body is read today; null without a body. */
interface Pair {
  recorded: LedgerDelivery
  entry: LedgerEntry | null
}

function readAgain(
  { deliveryId, receivedAtMs, sourceIp, body }: LedgerDelivery,
  judge: RejudgeOptions['judge'],
): LedgerEntry | null {
  return body === null ? null : judge({ deliveryId, receivedAtMs, sourceIp, body })
}

function versionsOf({ recorded, entry }: Pair): SessionVersion[] {
  const { deliveryId, receivedAtMs, bodySha256 } = recorded
  return entry?.verdict.kind === 'session'
    ? [{ deliveryId, receivedAtMs, bodySha256, session: entry.verdict.session }]
    : []
}

/** The session that the ledger knows, and the one of today. */
function sessionIdsOf({ recorded, entry }: Pair): string[] {
  return [recorded.sessionId, entry && sessionIdOf(entry)].filter((id) => id !== null)
}

/** Whether it was rejected, and makes a session today. */
function isTold({ recorded, entry }: Pair): boolean {
  return recorded.outcome === 'rejected' && entry?.verdict.kind === 'session'
}

/** Whether the row of the session stands for the delivery, then and today. */
function isStanding({ recorded, entry }: Pair, current: ReadonlyMap<string, CurrentVersion>): boolean {
  const { sessionId, deliveryId, outcome } = recorded
  if (sessionId === null || outcome === 'rejected' || entry === null) return false
  return (
    current.get(sessionId)?.deliveryId === deliveryId &&
    (entry.verdict.kind === 'rejected' || entry.verdict.session.sessionId === sessionId)
  )
}

function resultOf(
  pair: Pair,
  context: {
    current: ReadonlyMap<string, CurrentVersion>
    gone: ReadonlySet<string>
    written: JudgedVersions
  },
): Rejudged {
  const { current, gone, written } = context
  const { recorded, entry } = pair
  const { deliveryId, receivedAtMs, sessionId, outcome } = recorded
  const as = (effect: RejudgedEffect, to = outcome): Rejudged => ({
    deliveryId,
    receivedAtMs,
    sessionId: (entry && sessionIdOf(entry)) ?? sessionId,
    from: outcome,
    to,
    effect,
  })
  if (entry === null) return as('no_body')
  const { verdict } = entry
  if (outcome === 'rejected') {
    if (verdict.kind === 'session') {
      if (gone.has(verdict.session.sessionId)) return as('session_gone')
      return as('judged', written.outcomes.get(deliveryId)!)
    }
    const isSame =
      isSameReasons(recorded.reasons, verdict.reasons) && (sessionIdOf(entry) ?? sessionId) === sessionId
    return as(isSame ? 'none' : 'judged')
  }
  if (verdict.kind === 'rejected') {
    return isStanding(pair, current) ? as('would_reject') : as('judged', 'rejected')
  }
  if (verdict.session.sessionId !== sessionId) return as('other_session')
  const isRewritten = written.replacing.some((version) => version.deliveryId === deliveryId)
  return as(isRewritten ? 'session_rewritten' : 'none')
}

/** Postgres keeps the members of an object in an order of its own. */
function isSameReasons(ones: readonly Reason[], others: readonly Reason[]): boolean {
  const members = ({ code, path, message }: Reason) => [code, path, message]
  return JSON.stringify(ones.map(members)) === JSON.stringify(others.map(members))
}

/** Corrects ledger rows and their counts. @throws JudgedMeanwhile */
async function correct(
  client: ClientBase,
  corrections: readonly (Pair & { result: Rejudged })[],
  options: { current: ReadonlyMap<string, CurrentVersion>; pipelineVersion: string },
): Promise<void> {
  const { current, pipelineVersion } = options
  const rows = corrections.map(({ recorded, entry, result }) => ({
    recorded,
    sessionId: result.sessionId,
    outcome: result.to,
    reasons: entry === null ? [] : reasonsOf(entry),
  }))
  const corrected = await correctLedgerRows(client, rows, pipelineVersion)
  if (corrected < rows.length) throw new JudgedMeanwhile()
  await correctTallies(
    client,
    corrections.flatMap(({ recorded, entry, result }) => {
      if (result.from === result.to) return []
      const told = entry?.verdict.kind === 'session' ? entry.verdict.session.subAccountId : undefined
      const subAccountId = told ?? (result.sessionId && current.get(result.sessionId)?.subAccountId)
      // The session is gone, and with it the knowledge of whose it was.
      if (subAccountId === undefined || subAccountId === null) return []
      const tally = (outcome: Outcome, deliveries: number): Tally => ({
        minuteMs: minuteOf(recorded.receivedAtMs),
        subAccountId: outcome === 'rejected' ? '' : subAccountId,
        outcome,
        source: recorded.source,
        deliveries,
      })
      return [tally(result.from, -1), tally(result.to, 1)]
    }),
  )
}

function placeOf({ receivedAt, deliveryId }: LedgerPlace): LedgerPlace {
  return { receivedAt, deliveryId }
}
