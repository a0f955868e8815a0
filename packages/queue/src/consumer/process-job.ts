import { operations, type ProcessOperation, runOperation } from '@vss-pipeline/runtime'
import type { Logger } from '@vss-pipeline/runtime/service'
import { type Job, UnrecoverableError, WaitingError } from 'bullmq'
import { openBatch, type PackedBatch, UnknownPayloadError } from '../codec.ts'
import type { Floor } from './floor.ts'

/** A batch that a worker has taken, with the record of earlier tries. */
export interface BatchInHand extends PackedBatch {
  /** An earlier worker took it and never answered: it was killed, frozen, or cut off from Redis. It runs alone now. */
  readonly stalledBefore: boolean
  /** The last note of {@link saveTrail}, from this or an earlier worker; undefined where there is none. */
  readonly trail: unknown
  /** Keeps a note with the job in Redis, so that it outlives this process. */
  saveTrail(trail: object): Promise<void>
}

/** How a batch ended. `set_aside` keeps its job, for a release that can read what this one could not. */
export type BatchEnd = 'done' | 'set_aside'

export type HandleBatch = (batch: BatchInHand) => Promise<BatchEnd>

/**
 * Makes BullMQ's processor of jobs: it resolves for a batch that is done, and throws `UnrecoverableError` for one that
 * is set aside, `WaitingError` for one that it has put back, and any other error for a fault, to be retried.
 */
export function createJobProcessor(deps: {
  handle: HandleBatch
  /** Takes the job of a batch whose deliveries are accounted for. */
  closeBatch: (job: Job) => void
  floor: Floor
  logger: Logger
}) {
  const { handle, closeBatch, floor, logger } = deps
  const logFault = createFaultLog(logger)

  return async function processJob(job: Job, token: string | undefined): Promise<void> {
    try {
      if (job.stalledCounter > 0) await floor.runAlone(() => settleSuspect(job))
      // Another worker may run it while a batch runs alone here.
      else if (floor.state === 'alone') await putBack(job, token)
      else await floor.runBeside(() => settle(job))
    } catch (error) {
      if (error instanceof WaitingError || error instanceof UnrecoverableError) throw error
      if (floor.state === 'closed') return await putBack(job, token)
      if (error instanceof UnknownPayloadError && error.code === 'not_a_batch') {
        logger.error({ jobId: job.id, reason: error.message }, 'a foreign job is set aside as failed')
        throw new UnrecoverableError(error.message)
      }
      logFault(job, error)
      throw error
    }
  }

  async function settleSuspect(job: Job): Promise<void> {
    logger.info(
      { jobId: job.id, stalls: job.stalledCounter },
      'running a batch alone, because it stalled before',
    )
    await settle(job)
  }

  async function settle(job: Job): Promise<void> {
    const batch = toBatch(job)
    const end = await runOperation(
      operations.process,
      (startedMs) => ({
        startedMs,
        batchId: job.id!,
        queue: job.queueQualifiedName,
        deliveryIds: batch.deliveryIds,
      }),
      (operation) => handle(operation === undefined ? batch : tellingOfUnpacking(batch, operation)),
    )
    closeBatch(job)
    if (end === 'done') return
    logger.error({ jobId: job.id }, 'a batch could not be read: accounted for, and set aside as failed')
    throw new UnrecoverableError('the batch could not be read back')
  }
}

/** Logs the faults of batches. Batches that share a flush meet the same error at once, and are one line. */
function createFaultLog(logger: Logger) {
  const batchesByError = new Map<unknown, number>()

  return function logFault(job: Job, error: unknown): void {
    const before = batchesByError.get(error) ?? 0
    batchesByError.set(error, before + 1)
    if (before > 0) return
    setImmediate(() => {
      const batches = batchesByError.get(error)!
      batchesByError.delete(error)
      const subject = batches === 1 ? 'a batch' : 'batches'
      logger.warn({ jobId: job.id, batches, err: error }, `${subject} met a fault and will be retried`)
    })
  }
}

/** @throws UnknownPayloadError */
function toBatch(job: Job): BatchInHand {
  return {
    ...openBatch(job.data),
    stalledBefore: job.stalledCounter > 0,
    // The trail is BullMQ's progress, which is 0 at first.
    trail: job.progress === 0 ? undefined : job.progress,
    saveTrail: (trail) => job.updateProgress(trail),
  }
}

/** The batch, whose deliveries become known to the operation when they are unpacked. */
function tellingOfUnpacking(batch: BatchInHand, operation: ProcessOperation): BatchInHand {
  return {
    ...batch,
    unpack() {
      const deliveries = batch.unpack()
      if (deliveries !== undefined) operation.deliveries = deliveries
      return deliveries
    },
  }
}

/** Puts a job back at the head of the queue. That costs it no attempt. */
async function putBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token)
  throw new WaitingError()
}
