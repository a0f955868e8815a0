import { setTimeout as delay } from 'node:timers/promises'
import { repeatEvery } from '@vss-pipeline/runtime'
import { createTeller, type Lifecycle, type Logger } from '@vss-pipeline/runtime/service'
import { type Drift, noteDrift, type Pool, type Recorded } from '@vss-pipeline/storage'
import { driftOf } from '@vss-pipeline/vss'

const intervalMs = 2_000
const closingPatienceMs = 1_000

/** A sender can make each name up. Beyond so many in an interval they are not told apart. */
const mostTold = 500

/**
 * Collects how recorded deliveries differ from the documentation, and tells `vss.drift` every two seconds. The counts
 * are about right: those of the last interval are lost when the worker is killed. The flush does not wait for them.
 */
export function createDriftTeller(deps: { pool: Pool; lifecycle: Lifecycle; logger: Logger }) {
  const { pool, lifecycle, logger } = deps
  const told = createTeller<'failing'>(logger)
  let observed = new Map<string, Drift>()

  function observe(recorded: readonly Recorded[]): void {
    for (const { entry } of recorded) {
      for (const { kind, path, value } of driftOf(entry.verdict)) {
        add({
          kind,
          path,
          value,
          firstSeenMs: entry.receivedAtMs,
          lastSeenMs: entry.receivedAtMs,
          deliveries: 1,
          sampleDeliveryId: entry.deliveryId,
        })
      }
    }
  }

  function add(drift: Drift): void {
    const key = `${drift.kind} ${drift.path} ${drift.value}`
    const known = observed.get(key)
    if (known === undefined) {
      if (observed.size < mostTold || drift.kind === 'other') observed.set(key, drift)
      else add({ ...drift, kind: 'other', path: '', value: '' })
      return
    }
    known.deliveries += drift.deliveries
    known.firstSeenMs = Math.min(known.firstSeenMs, drift.firstSeenMs)
    if (drift.lastSeenMs >= known.lastSeenMs) {
      known.lastSeenMs = drift.lastSeenMs
      known.sampleDeliveryId = drift.sampleDeliveryId
    }
  }

  async function tell(): Promise<void> {
    if (observed.size === 0) return
    const telling = observed
    observed = new Map()
    try {
      await noteDrift(pool, [...telling.values()])
      told.over('failing', 'vss.drift is written again')
    } catch (error) {
      for (const drift of telling.values()) add(drift)
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
