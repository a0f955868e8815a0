import { setTimeout as wait } from 'node:timers/promises'
import { type EventKind, generateEvents } from '@vss-pipeline/vss'
import autocannon from 'autocannon'
import { Pool } from 'undici'
import { createLatencies, type LatencySummary } from '../../services/cli/src/send/latencies.ts'

/** Events to send, and how many sessions they are when all have been stored. */
export interface Events {
  bodies: Buffer[]
  sessions: number
}

const dirtyShare = 0.05
const kinds = new Set<EventKind>(['clean', 'duplicate', 'correction'])

/**
 * Varied events as the platform would send them, some of them corrected or sent twice: the same for everyone. No
 * malformed ones: peers answer those with errors.
 */
export function makeEvents(count: number, seed: number | string): Events {
  const bodies: Buffer[] = []
  const sessionIds = new Set<string>()
  for (const { kind, body, sessionId } of generateEvents({ seed: `bench-${seed}`, dirtyShare })) {
    if (bodies.length === count) break
    if (!kinds.has(kind)) continue
    bodies.push(Buffer.from(body))
    sessionIds.add(sessionId!)
  }
  return { bodies, sessions: sessionIds.size }
}

export const connections = 64

/** Posts bodies from 64 connections for so long, each connection its next when it has its answer. @returns 200s a second. */
export async function postFor(seconds: number, url: string, bodies: readonly Buffer[]): Promise<number> {
  const result = await post(url, bodies, { duration: seconds })
  return result['2xx'] / result.duration
}

/** Posts each body once, from 64 connections. */
export async function postAll(url: string, bodies: readonly Buffer[]): Promise<void> {
  const result = await post(url, bodies, { amount: bodies.length })
  if (result['2xx'] !== bodies.length) throw new Error(`${result['2xx']} of ${bodies.length} were posted`)
}

async function post(
  url: string,
  bodies: readonly Buffer[],
  extent: { duration: number } | { amount: number },
): Promise<autocannon.Result> {
  let started = 0
  const result = await autocannon({
    url,
    connections,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    // Each connection has bodies of its own; autocannon takes them in turn.
    setupClient(client) {
      const first = started++
      client.setRequests(bodies.filter((_, index) => index % connections === first).map((body) => ({ body })))
    },
    ...extent,
  })
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${failed} of ${result.requests.total} posts were not answered with 200`)
  return result
}

/**
 * Posts bodies at an even rate, whether or not earlier ones have been answered: as the platform does.
 *
 * @returns how long the answers took, from when each post was due.
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
    const response = await client.request({ method: 'POST', path: pathname, body })
    await response.body.dump()
    if (response.statusCode !== 200) throw new Error(`a post was answered with ${response.statusCode}`)
    latencies.add(performance.now() - dueAt)
  })
  await Promise.all(answers)
  await client.close()
  return latencies.summarize()!
}
