import { setTimeout as delay } from 'node:timers/promises'
import { repeatEvery } from '@vss-pipeline/runtime'
import { createTeller, type Lifecycle, type Logger } from '@vss-pipeline/runtime/service'
import { type Drift, noteDrift, type Pool, type Recorded } from '@vss-pipeline/storage'
import { driftOf } from '@vss-pipeline/vss'

const intervalMs = 2_000
const closingPatienceMs = 1_000

/**
 * A sender can make each name up. So many are told apart in an interval, and the most frequent of them are told. A field
 * that comes often is among them, whatever comes once.
 */
const mostCollected = 2_000
const mostTold = 200

/**
 * Collects how recorded deliveries differ from the documentation, and tells `vss.drift` every two seconds. The counts
 * are about right: those of the last interval are lost when the worker is killed. The flush does not wait for them.
 */
export function createDriftTeller(deps: { pool: Pool; lifecycle: Lifecycle; logger: Logger }) {
  const { pool, lifecycle, logger } = deps
  const told = createTeller<'failing'>(logger)
  let observed: Observed = new Map()

  function observe(recorded: readonly Recorded[]): void {
    for (const { entry } of recorded) {
      for (const difference of driftOf(entry.verdict)) add(observed, difference, seenIn(entry))
    }
  }

  async function tell(): Promise<void> {
    if (observed.size === 0) return
    const telling = observed
    observed = new Map()
    try {
      await noteDrift(pool, mostFrequent(telling))
      told.over('failing', 'vss.drift is written again')
    } catch (error) {
      for (const drift of telling.values()) add(observed, drift, drift)
      told.once('failing', 'warn', 'could not write to vss.drift', { err: error })
    }
  }

  // Closers run the last one first: the consumer has written its last batch by then. A server that is silent must not
  // hold up the stop.
  lifecycle.onClose('drift', () =>
    Promise.race([tell(), delay(closingPatienceMs, undefined, { ref: false })]),
  )
  lifecycle.onClose('drift timer', repeatEvery(intervalMs, tell))
  return { observe }
}

type Observed = Map<string, Drift>
type Difference = Pick<Drift, 'kind' | 'path' | 'value'>
type Sightings = Omit<Drift, keyof Difference>

function seenIn({ deliveryId, receivedAtMs }: Recorded['entry']): Sightings {
  return { firstSeenMs: receivedAtMs, lastSeenMs: receivedAtMs, deliveries: 1, sampleDeliveryId: deliveryId }
}

const unnamed: Difference = { kind: 'other', path: '', value: '' }

function add(observed: Observed, difference: Difference, seen: Sightings): void {
  const { kind, path, value } = difference
  const key = `${kind} ${path} ${value}`
  const known = observed.get(key)
  if (known === undefined) {
    const hasRoom = observed.size < mostCollected || kind === 'other'
    if (!hasRoom) add(observed, unnamed, seen)
    else {
      const { firstSeenMs, lastSeenMs, deliveries, sampleDeliveryId } = seen
      observed.set(key, { kind, path, value, firstSeenMs, lastSeenMs, deliveries, sampleDeliveryId })
    }
    return
  }
  known.deliveries += seen.deliveries
  known.firstSeenMs = Math.min(known.firstSeenMs, seen.firstSeenMs)
  if (seen.lastSeenMs >= known.lastSeenMs) {
    known.lastSeenMs = seen.lastSeenMs
    known.sampleDeliveryId = seen.sampleDeliveryId
  }
}

/** The most frequent of them, and all others as one. */
function mostFrequent(observed: Observed): Drift[] {
  if (observed.size <= mostTold) return [...observed.values()]
  const sorted = [...observed.values()].sort((one, other) => other.deliveries - one.deliveries)
  const frequent: Observed = new Map()
  for (const drift of sorted) add(frequent, frequent.size < mostTold ? drift : unnamed, drift)
  return [...frequent.values()]
}
