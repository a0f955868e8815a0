import { setTimeout as wait } from 'node:timers/promises'
import { Pool } from 'undici'
import { createLatencies, type LatencySummary } from '../../../services/cli/src/send/latencies.ts'

const connections = 64

/**
 * Posts bodies at an even rate and does not wait for earlier answers, as the platform does.
 *
 * @returns the times from when each post was due until its answer.
 */
export async function postAtRate(
  url: string,
  bodies: readonly Buffer[],
  ratePerSecond: number,
): Promise<LatencySummary> {
  const { origin, pathname } = new URL(url)
  const client = new Pool(origin, { connections })
  const latencies = createLatencies()
  const startedAt = performance.now() + 10
  const answers = bodies.map(async (body, index) => {
    const dueAt = startedAt + (index * 1000) / ratePerSecond
    await wait(dueAt - performance.now())
    // A timer may fire a little early: then the answer counts from now. A late post counts from its due time.
    const countedFrom = Math.min(dueAt, performance.now())
    const response = await client.request({ method: 'POST', path: pathname, body })
    await response.body.dump()
    if (response.statusCode !== 200) throw new Error(`a post was answered with ${response.statusCode}`)
    latencies.add(performance.now() - countedFrom)
  })
  await Promise.all(answers)
  await client.close()
  return latencies.summarize()!
}
