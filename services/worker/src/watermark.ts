import { createWatermarkSource, silentAfterMs, type Topology, type WatermarkFacts } from '@vss-pipeline/queue'
import { repeatEvery, withinMs } from '@vss-pipeline/runtime'
import {
  createTeller,
  Gauge,
  type Lifecycle,
  type Logger,
  type Registry,
} from '@vss-pipeline/runtime/service'
import {
  advanceWatermark,
  deliveriesWait,
  type KnownIngest,
  type Pool,
  readWatermark,
  type StoredWatermark,
} from '@vss-pipeline/storage'

const intervalMs = 1_000
const readTimeoutMs = 2_000
/** Longer than ENQUEUE_TIMEOUT_MS may be: an ingest without a spool has acknowledged nothing since that is not in Redis. */
const settledAfterMs = 70_000
/** A mark, a look and a round trip. */
const usualLagMs = 3_000

/**
 * Keeps `vss.watermark` up to date: each second one of the workers looks. Every delivery that was received before the
 * mark and acknowledged is in a batch that is open, or behind the mark of an ingest; so the least of these is the
 * watermark.
 */
export function keepWatermark(deps: {
  pool: Pool
  topology: Topology
  registry: Registry
  lifecycle: Lifecycle
  logger: Logger
}): void {
  const { pool, topology, registry, lifecycle, logger } = deps
  const { client } = topology
  const source = createWatermarkSource({ topology })
  const told = createTeller<'stuck'>(logger)
  const completeUntil = new Gauge({
    name: 'vss_complete_until_timestamp_seconds',
    help: 'The watermark: every delivery received before it is in the tables. Unix time; 0 before it is known.',
    registers: [registry],
  })

  async function look(): Promise<void> {
    try {
      const stored = await readWatermark(pool)
      completeUntil.set((stored.completeUntilMs ?? 0) / 1000)
      if (stored.isDue) await advance(stored)
      told.over('stuck', 'the watermark is kept again')
    } catch (error) {
      told.once('stuck', 'warn', 'the watermark stands still', { err: error })
    }
  }

  async function advance({ version, ingests, completeUntilMs, isStale }: StoredWatermark): Promise<void> {
    const read = await readFacts(completeUntilMs ?? 0)
    if ('problem' in read) {
      // Another worker may be able to read.
      if (!isStale) return
      await advanceWatermark(pool, {
        version,
        completeUntilMs: null,
        reason: read.problem,
        told: [],
        gone: [],
      })
      return
    }
    const { facts } = read
    const { marks, retired, nowMs } = facts
    const isSettled = ({ hasSpool, toldAtMs }: KnownIngest) => !hasSpool && nowMs - toldAtMs > settledAfterMs
    const told = new Set(marks.map(({ id }) => id))
    const { untilMs, reason } = judgeWatermark(facts, ingests)
    const isOurs = await advanceWatermark(pool, {
      version,
      completeUntilMs: untilMs,
      reason,
      told: marks,
      gone: [...retired, ...ingests.filter(isSettled).map(({ id }) => id)].filter((id) => !told.has(id)),
    })
    if (!isOurs) return
    await source.removeRetired(retired)
    await source.retire(marks.filter(isSettled))
  }

  async function readFacts(watermarkMs: number): Promise<{ facts: WatermarkFacts } | { problem: string }> {
    if (client.status !== 'ready') return { problem: 'Redis is away' }
    try {
      return { facts: await withinMs(source.read(watermarkMs), readTimeoutMs, 'no answer within 2 s') }
    } catch (error) {
      return { problem: `Redis cannot be read: ${(error as Error).message}`.slice(0, 300) }
    }
  }

  lifecycle.onClose('watermark', repeatEvery(intervalMs, look))
}

/**
 * Finds the watermark, and what holds it back.
 *
 * @param remembered the marks as of an earlier look. Redis may have forgotten that of an ingest whose spool has not.
 * @returns `untilMs` null when no ingest has told anything, so that nothing is known.
 */
export function judgeWatermark(
  { marks, retired, oldestOpenMs, nowMs }: WatermarkFacts,
  remembered: readonly KnownIngest[],
): { untilMs: number | null; reason: string } {
  const known = new Set([...marks.map(({ id }) => id), ...retired])
  const forgotten = remembered.filter(
    ({ id, hasSpool, toldAtMs }) => !known.has(id) && (hasSpool || nowMs - toldAtMs <= settledAfterMs),
  )
  const bounds = [...marks, ...forgotten].map((mark) => ({
    untilMs: mark.untilMs,
    reason: explain(mark, nowMs),
  }))
  if (oldestOpenMs !== null) bounds.push({ untilMs: oldestOpenMs, reason: deliveriesWait })
  if (bounds.length === 0) return { untilMs: null, reason: 'no ingest runs' }
  const least = bounds.reduce((one, other) => (other.untilMs < one.untilMs ? other : one))
  // Redis has told no ingest how far it may come.
  if (marks.length === 0) return { untilMs: null, reason: least.reason }
  return nowMs - least.untilMs <= usualLagMs ? { ...least, reason: 'nothing waits' } : least
}

function explain(mark: KnownIngest & { clockMs?: number }, nowMs: number): string {
  const { id, place, untilMs, toldAtMs, clockMs = toldAtMs } = mark
  const ingest = `ingest ${id} (${place})`
  if (nowMs - toldAtMs > silentAfterMs) return `${ingest} is silent since ${new Date(toldAtMs).toISOString()}`
  const behindSeconds = Math.round((toldAtMs - clockMs) / 1000)
  return untilMs === clockMs
    ? `the clock of ${ingest} is ${behindSeconds} s behind that of Redis`
    : `${ingest} holds deliveries`
}
