import type { Rejudged, RejudgedEffect } from '@vss-pipeline/storage'
import type { ReprocessedPage } from './reprocess.ts'

/** Deliveries that went from one outcome to another, or whose session was rewritten. */
export interface ReprocessCount {
  readonly from: Rejudged['from']
  readonly to: Rejudged['to']
  readonly effect: RejudgedEffect
  readonly deliveries: number
  /** The ids of the first of them. */
  readonly samples: readonly string[]
}

/** How far judging again has come. */
export interface ReprocessProgress {
  readonly judged: number
  /** The most frequent first. */
  readonly counts: readonly ReprocessCount[]
  /** ISO 8601: all selected deliveries that were received before are done. Null before the first. */
  readonly doneUntil: string | null
}

export interface ReprocessTally {
  add(page: ReprocessedPage): void
  readonly progress: ReprocessProgress
}

const mostSamples = 5

/** Counts deliveries by what judging them again did. */
export function createReprocessTally(): ReprocessTally {
  const counts = new Map<string, ReprocessCount & { deliveries: number; samples: string[] }>()
  let judged = 0
  let doneUntilMs: number | null = null

  function addDelivery({ from, to, effect, deliveryId }: Rejudged): void {
    judged++
    const key = `${effect} ${from} ${to}`
    const known = counts.get(key)
    if (known === undefined) {
      counts.set(key, { from, to, effect, deliveries: 1, samples: [deliveryId] })
      return
    }
    known.deliveries++
    if (known.samples.length < mostSamples) known.samples.push(deliveryId)
  }

  return {
    add(page) {
      for (const delivery of page.deliveries) addDelivery(delivery)
      doneUntilMs = page.doneUntilMs
    },
    get progress() {
      return {
        judged,
        counts: [...counts.values()]
          .map((count) => ({ ...count, samples: [...count.samples] }))
          .sort((one, other) => other.deliveries - one.deliveries),
        doneUntil: doneUntilMs === null ? null : new Date(doneUntilMs).toISOString(),
      }
    },
  }
}
