import { ourPipeline } from '../contestant.ts'
import { rateOf } from '../figures.ts'
import { makeEvents } from '../load/events.ts'
import { postAtRate } from '../load/post-at-rate.ts'
import { sideBySide } from '../measure.ts'
import { startOurs } from '../programs.ts'
import { usedBytesPer } from '../redis-memory.ts'
import { ledgerRows } from '../rows.ts'
import type { Scenario } from '../scenario.ts'
import { drain } from '../slices.ts'
import { oneJobEach } from './footprint.ts'

const ratePerSecond = 200
const seconds = 15

/** The backlog that an outage of the workers leaves in quiet hours: its space, and the rate of its draining. */
export const quietBacklog: Scenario = {
  name: 'quiet-backlog',
  async run(bench) {
    const { servers, scale } = bench
    const events = makeEvents(ratePerSecond * Math.max(seconds * scale, 5), 'quiet')
    const drained: number[] = []

    async function leaveAndDrain(): Promise<number> {
      await servers.reset()
      const running = await ourPipeline({ workers: 0, rowsIn: ledgerRows }).start(servers)
      try {
        const bytes = await usedBytesPer(servers.redis, events.bodies.length, async () => {
          await postAtRate(running.ingest.webhookUrl, events.bodies, ratePerSecond)
        })
        const worker = await startOurs('worker', servers)
        drained.push(rateOf([await drain(servers, { ...running, workers: [worker] }, events)]))
        await worker.stop()
        return bytes
      } finally {
        await running.stop()
      }
    }

    const peer = oneJobEach(bench, events)
    const measured = await sideBySide({
      ...bench,
      contestants: [{ name: 'this pipeline', measure: leaveAndDrain }, peer],
    })
    return [
      {
        title: 'Quiet backlog',
        method: `${ratePerSecond} events/s for ${seconds} s while no worker runs; then one is started.`,
        tables: [
          { unit: 'Redis bytes/event', measured, comparedWith: peer.name },
          { unit: 'drained events/s', measured: [{ name: 'one worker', samples: drained }] },
        ],
      },
    ]
  },
}
