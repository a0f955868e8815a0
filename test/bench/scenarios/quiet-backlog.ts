import { type Events, makeEvents, postAtRate } from '../load.ts'
import { type Contestant, median, ratio, sideBySide } from '../measure.ts'
import { peers } from '../peers/index.ts'
import { startOurs } from '../programs.ts'
import { usedBytesPer } from '../redis-memory.ts'
import type { Bench, Scenario } from '../scenario.ts'
import { drainQueue } from './drain.ts'

const ratePerSecond = 200
const seconds = 15

const ours = 'ingest'
const oneJobAnEvent = 'one job an event'

/** What an outage of the workers leaves behind in quiet hours: its memory, and how fast it goes. */
export const quietBacklog: Scenario = {
  name: 'quiet-backlog',
  async run(bench) {
    const events = makeEvents(ratePerSecond * seconds, 'quiet')
    const drained: number[] = []
    const measured = await sideBySide({
      ...bench,
      contestants: [
        {
          name: ours,
          async measure() {
            const bytes = await leaveBacklog(bench, events)
            drained.push(await drainQueue(bench, events))
            return bytes
          },
        },
        oneJobEach(bench, events),
      ],
    })
    return {
      title: 'Quiet backlog',
      method: `${ratePerSecond} events/s for ${seconds} s with the worker off; then one worker is started.`,
      tables: [
        { unit: 'Redis bytes/event', measured, comparedWith: oneJobAnEvent },
        { unit: 'drained events/s', measured: [{ name: 'one worker', samples: drained }] },
      ],
      targets: [
        {
          what: 'quiet backlog: Redis bytes against one job an event',
          value: ratio(measured, ours, oneJobAnEvent),
          unit: '×',
          limit: 0.25,
          aim: 0.1,
          lowerIsBetter: true,
        },
        { what: 'quiet backlog: drain', value: median(drained), unit: '/s', limit: 4_000, aim: 8_000 },
      ],
    }
  },
}

async function leaveBacklog({ servers }: Bench, { bodies }: Events): Promise<number> {
  await servers.reset()
  const ingest = await startOurs('ingest', servers)
  const bytes = await usedBytesPer(servers.redis, bodies.length, async () => {
    await postAtRate(ingest.webhookUrl, bodies, ratePerSecond)
  })
  await ingest.stop()
  return bytes
}

export function oneJobEach({ servers }: Bench, { bodies }: Events): Contestant {
  return {
    name: oneJobAnEvent,
    async measure() {
      await servers.reset()
      return await usedBytesPer(servers.redis, bodies.length, () => peers.tutorial.fill(servers, bodies))
    },
  }
}
