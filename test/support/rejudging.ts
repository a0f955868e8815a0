import type { Delivery } from '@vss-pipeline/delivery'
import { enrich, reject, reprocess, validate } from '@vss-pipeline/pipeline'
import {
  type LedgerSelection,
  type Pool,
  type Rejudged,
  type RejudgeOptions,
  rejudgePage,
} from '@vss-pipeline/storage'
import type { LedgerEntry } from '@vss-pipeline/vss'
import { v7 as uuidv7 } from 'uuid'
import type { Storage } from './open-storage.ts'
import { bodyOf, completedExample, type WireEvent } from './vendor-examples.ts'

/** When the first delivery was received. */
export const receivedAtMs = Date.now() - 3_600_000
/** Selects all deliveries. */
export const all: LedgerSelection = { until: new Date(receivedAtMs + 1_800_000) }
let received = 0

export const oldReason = {
  code: 'invalid_field',
  path: 'payload.details.callA',
  message: 'expected less',
} as const

/** Rejects a delivery, as an earlier release did; it rejected what is still rejected for its own reasons. */
export function rejectedBefore(delivery: Delivery): LedgerEntry {
  const entry = today(delivery)
  return entry.verdict.kind === 'rejected' ? entry : reject(delivery, [oldReason])
}

/** Reads a delivery as an earlier release did, which did not know callers and one leg. */
export function readOtherwise(delivery: Delivery): LedgerEntry {
  const entry = today(delivery)
  if (entry.verdict.kind === 'rejected') return entry
  const { session } = entry.verdict
  return {
    ...entry,
    verdict: { kind: 'session', session: { ...session, caller: null, legs: session.legs.slice(0, 1) } },
  }
}

/** Reads a delivery as this release does. */
export function today(delivery: Delivery): LedgerEntry {
  return enrich(validate(delivery))
}

export function eventOf(sessionId: string): WireEvent {
  const event = completedExample()
  event.payload.sessionId = sessionId
  return event
}

/** Each is received a millisecond after the one before, unless a time is given. */
export function deliveryOf(event: WireEvent | Uint8Array, ms = receivedAtMs + received++): Delivery {
  const body = event instanceof Uint8Array ? event : bodyOf(event)
  return { deliveryId: uuidv7({ msecs: ms }), receivedAtMs: ms, sourceIp: null, body: Buffer.from(body) }
}

export function sessionIdOf({ body }: Delivery): string {
  return JSON.parse(Buffer.from(body).toString()).payload.sessionId
}

/** Writes entries in flushes of a hundred. */
export async function write({ writer }: Storage, entries: LedgerEntry[]): Promise<void> {
  for (let first = 0; first < entries.length; first += 100)
    await writer.write(entries.slice(first, first + 100))
}

/** Judges all deliveries again, or those of the selection. */
export async function reprocessAll(
  pool: Pool,
  { isDryRun = false, selection = all }: { isDryRun?: boolean; selection?: LedgerSelection } = {},
): Promise<Rejudged[]> {
  const results: Rejudged[] = []
  for await (const page of reprocess({ pool, selection, pipelineVersion: 'today', isDryRun })) {
    results.push(...page.deliveries)
  }
  return results
}

/** Judges pages of a few deliveries again, all of them or so many. */
export async function rejudgePages(
  pool: Pool,
  options: { limit: number; judge: typeof today; mostPages?: number },
): Promise<Rejudged[]> {
  const { limit, judge, mostPages = Number.POSITIVE_INFINITY } = options
  const page = { selection: all, limit, judge, pipelineVersion: 'today', isDryRun: false }
  const results: Rejudged[] = []
  let after: RejudgeOptions['after'] = null
  for (let pages = 0; pages < mostPages; pages++) {
    const { deliveries, next } = await rejudgePage(pool, { ...page, after })
    if (next === null) break
    results.push(...deliveries)
    after = next
  }
  return results
}
