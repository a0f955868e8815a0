import type { ProcessList } from '@vss-pipeline/queue'
import { displayCountOf, displaySpan } from '@vss-pipeline/runtime'
import type { Facts } from './findings.ts'
import { ingestsOf } from './posts.ts'

/** Findings about processes that are missing, or cut off from a server. */

/** A restart of all workers takes less. */
const workersMissedAfterSeconds = 20
/** A process whose last word is older has ended. */
const silentAfterSeconds = 10

/** A worker is missed at once where something waits, and else after a while. */
export function findMissingWorker({ processes, queue, redis, isPrefixKnown }: Facts): string[] {
  if (processes === undefined || isPrefixKnown === false || isFull(redis)) return []
  const { running, unreadable, lastToldAtMs, nowMs } = processes
  const last = lastToldAtMs.worker
  const silentSeconds = last === undefined ? Number.POSITIVE_INFINITY : (nowMs - last) / 1000
  // The report of a worker of a later release may be unreadable.
  const mayBeUnread = unreadable > 0 && silentSeconds <= silentAfterSeconds
  if (mayBeUnread || running.some(({ service }) => service === 'worker')) return []
  const spooled = ingestsOf(processes).reduce((sum, { spool }) => sum + (spool?.deliveries ?? 0), 0)
  const waiting = (queue?.deliveries ?? 0) + spooled
  if (waiting === 0 && silentSeconds <= workersMissedAfterSeconds) return []
  const span = last === undefined ? 'an hour or more' : displaySpan(silentSeconds)
  const meanwhile =
    waiting === 0 ? 'nothing waits' : displayCountOf(waiting, 'delivery waits', 'deliveries wait')
  return [`no worker has run for ${span}, and ${meanwhile}`]
}

export function findMissingIngest({ processes, redis, isPrefixKnown }: Facts): string[] {
  if (processes === undefined || isPrefixKnown === false || isFull(redis)) return []
  const isThere = processes.unreadable > 0 || ingestsOf(processes).length > 0
  return isThere ? [] : ['no ingest runs: nobody takes POSTs']
}

/** A Redis that is full does not even take the word of a process that it runs. */
export function isFull(redis: Facts['redis']): boolean {
  return redis !== undefined && redis.maxBytes !== null && redis.usedBytes >= redis.maxBytes
}

/** Where Postgres is away from here too, another finding says so. */
export function findWorkersWithoutDatabase({ processes, databaseProblem }: Facts): string[] {
  if (processes === undefined || databaseProblem !== undefined) return []
  const workers = processes.running.filter((process) => process.service === 'worker')
  const cutOff = workers.filter(({ isDatabaseThere }) => isDatabaseThere === false)
  return cutOff.length === 0
    ? []
    : [`${cutOff.length} of ${displayCountOf(workers.length, 'worker', 'workers')} cannot write to Postgres`]
}

/** @param lateAfterSeconds A spool that holds deliveries for longer is not on its way to be emptied. */
export function findFilledSpools(processes: ProcessList | undefined, lateAfterSeconds: number): string[] {
  if (processes === undefined) return []
  return ingestsOf(processes).flatMap(({ place, clockMs, spool }) => {
    if (spool === null || spool.notEmptySinceMs === null) return []
    const seconds = (clockMs - spool.notEmptySinceMs) / 1000
    if (seconds <= lateAfterSeconds) return []
    const held = displayCountOf(spool.deliveries, 'delivery', 'deliveries')
    return [
      `the spool at ${JSON.stringify(place)} has held deliveries for ${displaySpan(seconds)}: ${held} now`,
    ]
  })
}
