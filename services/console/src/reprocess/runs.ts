import { randomUUID } from 'node:crypto'
import type { KeptText } from '@vss-pipeline/queue'
import { pipelineVersion, repeatEvery } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import type { Pool } from '@vss-pipeline/storage'
import { explainProblem, type Problem } from './problem.ts'
import {
  type Asker,
  confirmed,
  type Ending,
  ended,
  isActive,
  isReceipt,
  nothingJudged,
  progressed,
  type Run,
  type RunState,
} from './run.ts'
import { isSameTarget, selectionOf, type Target } from './target.ts'

/** Reprocessing in the background. */
export interface Runs {
  /**
   * Counts what reprocessing would change. While the same deliveries are counted or judged, it gives that run.
   *
   * @returns null where too many runs are under way
   */
  begin(target: Target, by: Asker): Run | null
  /** Reprocesses what was counted, once. Any other run stays as it is. @returns null for an unknown one */
  confirm(id: string, by: Asker): Promise<Run | null>
  /** Stops a run behind the page in hand. @returns null for an unknown one */
  stop(id: string, by: Asker): Promise<Run | null>
  /** @throws QueueUnavailableError for one of before a restart, while Redis is away */
  find(id: string): Promise<Run | null>
  /** The latest receipt of the same deliveries; null without one, and while Redis is away. */
  findLast(target: Target): Promise<Run | null>
  /**
   * The runs that have changed rows, also those of before a restart; the latest first.
   *
   * @throws QueueUnavailableError while Redis is away
   */
  receipts(): Promise<readonly Run[]>
  /** Stops all, waits for the pages in hand, and keeps how far they came. */
  close(): Promise<void>
}

/** Each takes a connection of the pool. */
export const mostRunsAtOnce = 3
const mostRemembered = 100
export const mostReceipts = 20
const saveIntervalMs = 1_000

interface Task {
  run: Run
  readonly stopping: AbortController
  /** The work of the state; it never rejects. */
  work: Promise<void>
}

/**
 * Reprocesses for whoever asks by a page. A run is safe to end anywhere, and to begin again. Receipts are
 * kept in Redis, so that they outlive the console; while Redis is away they wait.
 *
 * @param deps.pool goes by `vss_operator`, with `mostRunsAtOnce` connections
 */
export function createRuns(deps: { pool: Pool; kept: KeptText; logger: Logger; nowMs?: () => number }): Runs {
  const { pool, kept, logger, nowMs = Date.now } = deps
  /** In the order in which they began. */
  const tasks = new Map<string, Task>()
  let earlier: readonly Run[] | undefined
  let isSaved = true
  let isClosing = false

  const now = () => new Date(nowMs()).toISOString()

  function change(task: Task, state: RunState): void {
    task.run = { ...task.run, state }
    if (isReceipt(task.run)) isSaved = false
  }

  /** Does the work of the state: counting, or judging in earnest. */
  async function work(task: Task): Promise<void> {
    const { stopping } = task
    const how = await judge(task).then(
      (): Ending =>
        stopping.signal.aborted ? { kind: isClosing ? 'console_ended' : 'stopped' } : { kind: 'done' },
      (error: unknown): Ending => ({ kind: 'failed', problem: problemOf(error) }),
    )
    change(task, ended(task.run.state, how, now()))
    log(task.run, wordsOf(task.run))
  }

  async function judge(task: Task): Promise<void> {
    const { run, stopping } = task
    // It brings the metadata of all numbering plans, which nobody needs before.
    const { createReprocessTally, reprocess } = await import('@vss-pipeline/pipeline')
    const tally = createReprocessTally()
    const pages = reprocess({
      pool,
      selection: selectionOf(run.target, nowMs()),
      pipelineVersion,
      isDryRun: run.state.name === 'counting',
      signal: stopping.signal,
    })
    for await (const page of pages) {
      tally.add(page)
      change(task, progressed(task.run.state, tally.progress))
    }
  }

  function problemOf(error: unknown): Problem {
    const problem = explainProblem(error)
    if (problem === null) logger.error({ err: error }, 'reprocessing failed unexpectedly')
    else logger.warn({ err: error }, 'reprocessing failed')
    return problem ?? { text: 'It is an error of the console.', remedy: "See the console's log." }
  }

  function log(run: Run, words: string): void {
    logger.info(factsOf(run), words)
  }

  function forgetOld(): void {
    for (const [id, { run }] of tasks) {
      if (tasks.size <= mostRemembered) return
      if (!isActive(run)) tasks.delete(id)
    }
  }

  const underWay = () => [...tasks.values()].filter(({ run }) => isActive(run))
  const sameUnderWay = (target: Target) => underWay().find(({ run }) => isSameTarget(run.target, target))
  const ours = () => [...tasks.values()].map(({ run }) => run).toReversed()

  /** The receipts of before the start of this console. @throws QueueUnavailableError */
  async function readEarlier(): Promise<readonly Run[]> {
    if (earlier === undefined) {
      const text = await kept.read()
      // Its checks cost memory, which a console without receipts does not need.
      earlier ??= text === null ? [] : (await import('./kept-runs.ts')).readRuns(text)
    }
    return earlier
  }
  async function readReceipts(): Promise<readonly Run[]> {
    const before = await readEarlier()
    return [...ours().filter(isReceipt), ...before].slice(0, mostReceipts)
  }
  async function save(): Promise<void> {
    if (isSaved) return
    try {
      const receipts = await readReceipts()
      isSaved = true
      await kept.write(JSON.stringify(receipts))
    } catch (error) {
      isSaved = false
      logger.debug({ err: error }, 'the receipts could not be kept')
    }
  }
  const stopSaving = repeatEvery(saveIntervalMs, save)

  async function find(id: string): Promise<Run | null> {
    return tasks.get(id)?.run ?? (await readEarlier()).find((run) => run.id === id) ?? null
  }

  return {
    begin(target, by) {
      const same = sameUnderWay(target)
      if (same !== undefined) return same.run
      if (isClosing || underWay().length >= mostRunsAtOnce) return null
      const run: Run = {
        id: randomUUID(),
        target,
        by,
        state: { name: 'counting', would: nothingJudged },
      }
      log(run, 'counting what reprocessing would change')
      const task: Task = { run, stopping: new AbortController(), work: Promise.resolve() }
      tasks.set(run.id, task)
      forgetOld()
      task.work = work(task)
      return run
    },
    async confirm(id, by) {
      const task = tasks.get(id)
      if (task === undefined) return await find(id)
      if (task.run.state.name !== 'counted') return task.run
      const same = sameUnderWay(task.run.target)
      if (same !== undefined) return same.run
      if (isClosing || underWay().length >= mostRunsAtOnce) return task.run
      task.run = { ...task.run, by }
      change(task, confirmed(task.run.state, now()))
      log(task.run, 'reprocessing')
      task.work = work(task)
      return task.run
    },
    async stop(id, by) {
      const task = tasks.get(id)
      if (task === undefined) return await find(id)
      if (isActive(task.run)) {
        logger.info({ ...factsOf(task.run), by }, 'reprocessing is stopped')
        task.stopping.abort()
      }
      return task.run
    },
    find,
    async findLast(target) {
      const receipts = await readReceipts().catch(() => ours().filter(isReceipt))
      return receipts.find((run) => isSameTarget(run.target, target)) ?? null
    },
    receipts: readReceipts,
    async close() {
      isClosing = true
      for (const { stopping } of tasks.values()) stopping.abort()
      await Promise.all([...tasks.values()].map((task) => task.work))
      stopSaving()
      await save()
    },
  }
}

/** For the log: a reason's path may hold words of a sender, and stays out. */
function factsOf({ id, target, by, state }: Run) {
  const about =
    target.kind === 'rejected'
      ? { reason: target.reason?.code ?? 'any', since: target.since, until: target.until }
      : target
  const progress = state.name === 'ended' || state.name === 'judging' ? state.did : undefined
  return {
    run: id,
    ...about,
    by,
    ...(progress && { judged: progress.judged, doneUntil: progress.doneUntil }),
    ...(state.name === 'ended' && { end: state.how.kind }),
  }
}

function wordsOf({ state }: Run): string {
  switch (state.name) {
    case 'counted':
      return 'counted what reprocessing would change'
    case 'not_counted':
      return 'the count was not finished'
    default:
      return state.name === 'ended' && state.how.kind === 'done'
        ? 'reprocessed'
        : 'reprocessing ended before all were done'
  }
}
