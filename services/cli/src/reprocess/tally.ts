import type { Rejudged, RejudgedEffect } from '@vss-pipeline/storage'

/** Deliveries that went from one outcome to another, or whose session was rewritten. */
export interface ReprocessCount {
  from: Rejudged['from']
  to: Rejudged['to']
  effect: RejudgedEffect
  deliveries: number
  /** The first of them. */
  samples: string[]
}

const mostSamples = 5

/** Counts deliveries by what judging them again did. */
export function createReprocessTally() {
  const counts = new Map<string, ReprocessCount>()
  let judged = 0
  return {
    add({ from, to, effect, deliveryId }: Rejudged): void {
      judged++
      const key = `${effect} ${from} ${to}`
      const known = counts.get(key)
      if (known === undefined) counts.set(key, { from, to, effect, deliveries: 1, samples: [deliveryId] })
      else {
        known.deliveries++
        if (known.samples.length < mostSamples) known.samples.push(deliveryId)
      }
    },
    get judged(): number {
      return judged
    },
    /** The most frequent first. */
    get counts(): ReprocessCount[] {
      return [...counts.values()].sort((one, other) => other.deliveries - one.deliveries)
    },
  }
}
