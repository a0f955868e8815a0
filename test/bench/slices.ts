import { setTimeout as wait } from 'node:timers/promises'
import type { Running } from './contestant.ts'
import { type CpuMs, cpuBetween, isCpuAccounted, processCpuMs, readCpu } from './cpu.ts'
import type { Events } from './load/events.ts'
import { type Load, prepareLoad } from './load/load-generator.ts'
import { allStored, type Commits, readCommits } from './rows.ts'
import { type BenchServers, truncateRows, vacuumQueues } from './servers.ts'

/** A piece of work that was measured: posting, storing, or both. */
export interface Slice {
  events: number
  /**
   * The number of events in `ms`. A drain's clock starts with its first transaction, so the events of that do not
   * count.
   */
  timed: number
  ms: number
  /** The CPU for all events, until the programs rested. */
  cpu: CpuMs
}

/** Measures from the first POST to the last row. @returns also the time until the last answer, as `ackMs`. */
export async function endToEnd(
  servers: BenchServers,
  running: Running,
  events: Events,
): Promise<Slice & { ackMs: number }> {
  return await withLoad(running, events, async (load) => {
    const cpuUsed = startCpu(servers, running, load)
    const startedAtMs = Date.now()
    const ackMs = await load.post()
    const { lastMs } = await storedBy(running, events)
    const cpu = cpuUsed()
    const count = events.bodies.length
    return { events: count, timed: count, ms: lastMs - startedAtMs, ackMs, cpu }
  })
}

/** Measures from the first POST to the last answer, while the workers are paused. */
export async function acknowledge(servers: BenchServers, running: Running, events: Events): Promise<Slice> {
  return await withLoad(running, events, async (load) => {
    pauseWorkers(running)
    const cpuUsed = startCpu(servers, running, load)
    const ms = await load.post()
    const count = events.bodies.length
    return { events: count, timed: count, ms, cpu: cpuUsed() }
  })
}

/** Measures the backlog of {@link acknowledge}, from the first committed row to the last. */
export async function drain(servers: BenchServers, running: Running, events: Events): Promise<Slice> {
  const cpuUsed = startCpu(servers, running)
  for (const { pid } of running.workers) process.kill(pid, 'SIGCONT')
  const { firstMs, lastMs, shareAfterFirst } = await storedBy(running, events)
  const cpu = cpuUsed()
  const count = events.bodies.length
  return { events: count, timed: count * shareAfterFirst, ms: lastMs - firstMs, cpu }
}

/** Waits until all events are rows and the programs rest. @returns the times of the commits. */
async function storedBy(running: Running, events: Events): Promise<Commits> {
  if (running.rows === undefined)
    throw new Error('this contestant stores no rows, so there is no end to wait for')
  await allStored(running.rows, events)
  await untilIdle(running)
  return await readCommits(running.rows)
}

/** Empties the tables, so that the same events can be stored again, and tidies up. */
export async function emptyTables({ db }: BenchServers, { rows }: Running): Promise<void> {
  if (rows) await truncateRows(rows.database.db, rows.table)
  await vacuumQueues(db)
  await db.query('CHECKPOINT')
}

async function withLoad<Result>(
  { ingest }: Running,
  { bodies }: Events,
  work: (load: Load) => Promise<Result>,
): Promise<Result> {
  const load = await prepareLoad(ingest.webhookUrl, bodies)
  const result = await work(load)
  await load.end()
  return result
}

/** @returns a function that reads the CPU used since this call. */
export function startCpu(
  servers: BenchServers,
  { ingest, workers, rows }: Running,
  load?: Load,
): () => CpuMs {
  const programs = {
    ingest: [ingest.pid],
    ...(workers.length > 0 && { worker: workers.map(({ pid }) => pid) }),
    Postgres: [servers.pids.Postgres],
    Redis: servers.pids.Redis,
    ...(load && { load: [load.pid] }),
  }
  const observers = new Set([servers.observerPid, ...(rows ? [rows.database.observerPid] : [])])
  const read = () => readCpu(programs, observers)
  const before = read()
  return () => cpuBetween(before, read())
}

/** Stops the workers' processes by SIGSTOP: they take no jobs, and stay warm until {@link drain} lets them go on. */
export function pauseWorkers({ workers }: Running): void {
  for (const { pid } of workers) process.kill(pid, 'SIGSTOP')
}

const idlePollMs = 50
const idleCpuMs = 2
const idleTimeoutMs = 5_000

/**
 * Waits until the programs rest. They work on after the last row: the worker still reports to the queue, and a program
 * that is paused in mid-work would keep its locks. Where the system does not tell their CPU, it waits a second.
 */
async function untilIdle({ ingest, workers }: Running): Promise<void> {
  if (!isCpuAccounted) return await wait(1_000)
  const pids = [ingest, ...workers].map(({ pid }) => pid)
  const deadline = performance.now() + idleTimeoutMs
  let before = pids.map(processCpuMs)
  while (performance.now() < deadline) {
    await wait(idlePollMs)
    const now = pids.map(processCpuMs)
    if (now.every((ms, index) => ms - before[index]! < idleCpuMs)) return
    before = now
  }
}
