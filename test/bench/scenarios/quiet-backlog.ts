import { ourPipeline } from '../contestant.ts'
import { rateOf } from '../figures.ts'
import { makeEvents } from '../load/events.ts'
import { postAtRate } from '../load/post-at-rate.ts'
import { sideBySide } from '../measure.ts'
import { usedBytesPer } from '../redis-memory.ts'
import { ledgerRows } from '../rows.ts'
import type { Scenario } from '../scenario.ts'
import { drain, pauseWorkers } from '../slices.ts'
import { oneJobEach } from './footprint.ts'
import { withRunning } from './growth.ts'

const ratePerSecond = 200
const seconds = 15

/** What an outage of the workers leaves behind in quiet hours: its memory, and how fast it goes. */
export const quietBacklog: Scenario = {
  name: 'quiet-backlog',
  async run(bench) {
    const { servers, scale } = bench
    const events = makeEvents(ratePerSecond * Math.max(seconds * scale, 5), 'quiet')
    const contestant = ourPipeline({ rowsIn: ledgerRows })
    const drained: number[] = []

    async function leaveAndDrain(): Promise<number> {
      await servers.reset()
      return await withRunning({ servers, contestant }, async (running) => {
        const bytes = await usedBytesPer(servers.redis, events.bodies.length, async () => {
          pauseWorkers(running)
          await postAtRate(running.ingest.webhookUrl, events.bodies, ratePerSecond)
        })
        drained.push(rateOf([await drain(servers, running, events)]))
        return bytes
      })
    }

    const peer = oneJobEach(bench, events)
    const measured = await sideBySide({
      ...bench,
      contestants: [{ name: 'this pipeline', measure: leaveAndDrain }, peer],
    })
    return [
      {
        title: 'Quiet backlog',
        method: `${ratePerSecond} events/s for ${seconds} s while the worker does nothing; then it works them off.`,
        tables: [
          { unit: 'Redis bytes/event', measured, comparedWith: peer.name },
          { unit: 'drained events/s', measured: [{ name: 'one worker', samples: drained }] },
        ],
      },
    ]
  },
}
