import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Delivery } from '@vss-pipeline/delivery'
import {
  type OwnMark,
  type Producer,
  type RetiredMark,
  readMarks,
  retireMarks,
  tellMark,
} from '@vss-pipeline/queue'
import { repeatEvery } from '@vss-pipeline/runtime'
import { createTeller, type Logger } from '@vss-pipeline/runtime/service'
import type { Spool } from './spool/spool.ts'

const intervalMs = 1_000
const cohortMs = 100
/** A little less than the time for which workers keep the mark of an ingest without a spool. */
const marksLastMs = 60_000

/** Deliveries that came into hand within a tenth of a second. */
interface Cohort {
  /** How many of them are in hand. */
  count: number
  /** The earliest receipt of all that came, in milliseconds since the Unix epoch. */
  oldestMs: number
}

/** The deliveries that are stamped, and neither kept nor refused yet. */
export interface InHand {
  /** @returns the cohort that the delivery has to leave when it is kept or refused. */
  enter(delivery: Pick<Delivery, 'receivedAtMs'>): Cohort
  leave(cohort: Cohort): void
  /** Ends a cohort. It is to be called ten times a second. */
  turn(): void
  /** No delivery in hand was received before this, in milliseconds since the Unix epoch; null when there is none. */
  oldestMs(): number | null
}

/** Counts in cohorts, because a set of all deliveries in hand took a tenth of ingest's CPU. */
export function createInHand(): InHand {
  let current: Cohort = { count: 0, oldestMs: Number.POSITIVE_INFINITY }
  let cohorts = [current]
  return {
    enter({ receivedAtMs }) {
      current.count++
      if (receivedAtMs < current.oldestMs) current.oldestMs = receivedAtMs
      return current
    },
    leave(cohort) {
      cohort.count--
    },
    turn() {
      current = { count: 0, oldestMs: Number.POSITIVE_INFINITY }
      cohorts = [...cohorts.filter(({ count }) => count > 0), current]
    },
    oldestMs() {
      const receipts = cohorts.filter(({ count }) => count > 0).map(({ oldestMs }) => oldestMs)
      return receipts.length === 0 ? null : Math.min(...receipts)
    },
  }
}

/** Ingest's part in the watermark: it tells Redis each second how far it is. */
export interface MarkTelling {
  /**
   * Whether its mark stands, so that the deliveries that this ingest keeps hold the watermark back. Else it may keep
   * nothing, because the watermark could pass a delivery of which nobody knows.
   */
  readonly isKnown: boolean
  /** The watermark is not beyond this, so no delivery may be stamped before it. Milliseconds since the Unix epoch. */
  readonly floorMs: number
  /** Tells the mark now. It resolves also where Redis is away. */
  tell(): Promise<void>
  /** Takes over deliveries of instances that are gone, and their marks with them. @returns the number of deliveries. */
  adopt(): Promise<number>
  /** Says goodbye, unless deliveries stay in the spool: then the last mark stands for them. */
  close(): Promise<void>
}

/** The place of an ingest, for people: its host, and its spools' folder there. */
export function placeOf(spool: Pick<Spool, 'dir'> | undefined): string {
  return spool === undefined ? hostname() : `${hostname()}:${spool.dir}`
}

/** @param deps.spool undefined where there is none. */
export function startMarkTelling(deps: {
  producer: Pick<Producer, 'client' | 'shards'>
  prefix: string
  spool: Spool | undefined
  inHand: Pick<InHand, 'oldestMs' | 'turn'>
  logger: Logger
}): MarkTelling {
  const { producer, prefix, spool, inHand, logger } = deps
  const { client } = producer
  const told = createTeller<'unknown' | 'forgetful'>(logger)
  const processId = randomUUID()
  const place = placeOf(spool)
  let isKnown = spool?.folder.isKnown ?? false
  let isNoted = isKnown
  let isClosed = false
  let answeredAt = Number.NEGATIVE_INFINITY
  let lastText: string | undefined
  let floorMs = 0
  /** A mark whose answer has not come: Redis may have it. */
  let unansweredMs = 0

  function ownMark(): OwnMark {
    const receipts = [inHand.oldestMs(), spool?.content.oldestMs ?? null].filter(
      (receipt) => receipt !== null,
    )
    const clockMs = Date.now()
    const untilMs = Math.min(clockMs, ...receipts)
    return {
      id: spool?.folder.id ?? processId,
      place,
      hasSpool: spool !== undefined,
      shards: producer.shards.length,
      untilMs,
      clockMs,
      processId,
    }
  }

  async function tellNow(covered: readonly RetiredMark[] = []): Promise<void> {
    const mark = ownMark()
    unansweredMs = Math.max(unansweredMs, mark.untilMs)
    const answer = await tellMark(client, prefix, mark, covered)
    floorMs = Math.max(floorMs, answer.floorMs)
    unansweredMs = 0
    lastText = answer.text
    isKnown = true
    answeredAt = performance.now()
    told.over('unknown', 'taking deliveries: Redis has been reached')
    if (!isNoted) await noteInSpool()
  }

  /** A restart while Redis is away goes on keeping deliveries only if the spool says that its folder is known. */
  async function noteInSpool(): Promise<void> {
    try {
      await spool?.markKnown()
      isNoted = true
      told.over('forgetful')
    } catch (error) {
      told.once('forgetful', 'warn', 'the spool cannot note that it is known: ingest tries again', {
        err: error,
      })
    }
  }

  // One after the other, so that the mark in Redis is always the newest.
  let turn = Promise.resolve()
  function tell(covered?: readonly RetiredMark[]): Promise<void> {
    if (isClosed) return turn
    turn = turn
      .then(() => tellNow(covered))
      .catch(() => {
        // The producer logs that Redis is away.
        if (!isKnown) told.once('unknown', 'warn', 'refusing: Redis has not been reached since the start')
      })
    return turn
  }

  const stopTelling = repeatEvery(intervalMs, tell)
  const stopTurning = repeatEvery(cohortMs, async () => inHand.turn())
  client.on('ready', () => void tell())

  return {
    get isKnown() {
      // Without a spool a mark that is not told anew is dropped.
      return spool === undefined ? performance.now() - answeredAt < marksLastMs : isKnown
    },
    get floorMs() {
      return Math.max(floorMs, unansweredMs)
    },
    tell: () => tell(),
    async adopt() {
      // Read before the look: whoever told one of these marks, and has left its folder empty by then, has nothing left.
      const before = await readMarks(client, prefix).catch(() => undefined)
      const { deliveries, emptyFolders } = await spool!.adopt()
      const textOf = new Map(before?.marks.map(({ id, text }) => [id, text]))
      // Redis may have forgotten a mark that Postgres remembers.
      const covered = emptyFolders
        .filter(({ id, isKnown: wasKnown }) => wasKnown || textOf.has(id))
        .map(({ id }) => ({ id, text: textOf.get(id) ?? null }))
      if (covered.length > 0) await tell(covered)
      return deliveries
    },
    async close() {
      isClosed = true
      stopTelling()
      stopTurning()
      await turn
      const hasNothing = inHand.oldestMs() === null && (spool === undefined || spool.hasLeft)
      if (lastText === undefined || !hasNothing) return
      const { id } = ownMark()
      await retireMarks(client, prefix, [{ id, text: lastText }]).catch(() => undefined)
    },
  }
}
