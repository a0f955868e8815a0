import { setTimeout as delay } from 'node:timers/promises'
import { repeatEvery } from '@vss-pipeline/runtime'
import { createTeller, type Lifecycle, type Logger } from '@vss-pipeline/runtime/service'
import { noteDrift, type Pool, type Recorded } from '@vss-pipeline/storage'
import { driftOf } from '@vss-pipeline/vss'
import { DriftTally, type Sightings } from './drift-tally.ts'

const intervalMs = 2_000
const closingPatienceMs = 1_000

/** So many are told apart at a time, and so many of them are told. */
const mostCollected = 2_000
const mostTold = 200

/**
 * Collects how recorded deliveries differ from the documentation, and tells `vss.drift` every two seconds. The counts
 * are about right: those of the last interval are lost when the worker is killed. The flush does not wait for them.
 */
export function createDriftTeller(deps: { pool: Pool; lifecycle: Lifecycle; logger: Logger }) {
  const { pool, lifecycle, logger } = deps
  const told = createTeller<'failing'>(logger)
  let observed = new DriftTally(mostCollected)

  function observe(recorded: readonly Recorded[]): void {
    for (const { entry } of recorded) {
      for (const difference of driftOf(entry.verdict)) observed.add(difference, seenIn(entry))
    }
  }

  async function tell(): Promise<void> {
    if (observed.isEmpty) return
    const telling = observed.mostFrequent(mostTold)
    observed = new DriftTally(mostCollected)
    try {
      await noteDrift(pool, telling)
      told.over('failing', 'vss.drift is written again')
    } catch (error) {
      for (const drift of telling) observed.add(drift, drift)
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

function seenIn({ deliveryId, receivedAtMs }: Recorded['entry']): Sightings {
  return { firstSeenMs: receivedAtMs, lastSeenMs: receivedAtMs, deliveries: 1, sampleDeliveryId: deliveryId }
}
