import type { Drift } from '@vss-pipeline/storage'

export type Difference = Pick<Drift, 'kind' | 'path' | 'value'>
export type Sightings = Omit<Drift, keyof Difference>

const unnamed: Difference = { kind: 'other', path: '', value: '' }

/**
 * Counts differences, so many of them at a time: a sender can make each name up. When they are too many, those that came
 * once make room and are counted as one. So a field that comes often is told apart, whatever comes once.
 */
export class DriftTally {
  private readonly mostCollected: number
  private readonly counted = new Map<string, Drift>()
  private readonly others: Drift[] = []
  /** So many new differences have come since those that came once made room. */
  private newcomers = 0

  constructor(mostCollected: number) {
    this.mostCollected = mostCollected
  }

  get isEmpty(): boolean {
    return this.counted.size === 0 && this.others.length === 0
  }

  add(difference: Difference, seen: Sightings): void {
    const { kind, path, value } = difference
    const key = `${kind} ${path} ${value}`
    const known = this.counted.get(key)
    if (known !== undefined) addTo(known, seen)
    else if (kind !== 'other' && this.hasRoom()) {
      const { firstSeenMs, lastSeenMs, deliveries, sampleDeliveryId } = seen
      this.counted.set(key, { kind, path, value, firstSeenMs, lastSeenMs, deliveries, sampleDeliveryId })
    } else this.addToOthers(seen)
  }

  /** @returns the most frequent of them, and all others as one. */
  mostFrequent(count: number): Drift[] {
    const sorted = [...this.counted.values()].sort((one, other) => other.deliveries - one.deliveries)
    for (const drift of sorted.slice(count)) this.addToOthers(drift)
    return [...sorted.slice(0, count), ...this.others]
  }

  private hasRoom(): boolean {
    this.newcomers++
    if (this.counted.size >= this.mostCollected && this.newcomers > this.mostCollected / 2) this.makeRoom()
    return this.counted.size < this.mostCollected
  }

  private makeRoom(): void {
    for (const [key, drift] of this.counted) {
      if (drift.deliveries > 1) continue
      this.counted.delete(key)
      this.addToOthers(drift)
    }
    this.newcomers = 0
  }

  private addToOthers(seen: Sightings): void {
    const [others] = this.others
    if (others === undefined) this.others.push({ ...seen, ...unnamed })
    else addTo(others, seen)
  }
}

function addTo(known: Drift, { firstSeenMs, lastSeenMs, deliveries, sampleDeliveryId }: Sightings): void {
  known.deliveries += deliveries
  known.firstSeenMs = Math.min(known.firstSeenMs, firstSeenMs)
  if (lastSeenMs >= known.lastSeenMs) {
    known.lastSeenMs = lastSeenMs
    known.sampleDeliveryId = sampleDeliveryId
  }
}
