import { type RunningService, type ServiceOptions, startService } from './services.ts'

export interface Pipeline {
  /** Ingest's address; deliveries go to `webhookPath` there. */
  ingestUrl: string
  ingestOpsUrl: string
  workerOpsUrl: string
  ingest: RunningService
  worker: RunningService
  /** Resolves when one of the two has ended, with a text like "worker exited with code 1". */
  ended: Promise<string>
  /** Stops ingest, then the worker. Harmless when repeated. */
  stop(): Promise<void>
}

/**
 * Starts one ingest and one worker, and waits until both are ready.
 *
 * @param options.port ingest's port; 0, the default, is any free one.
 * @param options.opsPorts the preferred ports of the ops listeners; when one is taken, and by default, any free one.
 * @throws LocalStackError when one does not start, after it has stopped the other.
 */
export async function startPipeline(
  options: Omit<ServiceOptions, 'opsPort'> & { port?: number; opsPorts?: { ingest: number; worker: number } },
): Promise<Pipeline> {
  const { port = 0, opsPorts = { ingest: 0, worker: 0 }, ...shared } = options
  const env = { ...options.env, PORT: String(port) }
  const starts = await Promise.allSettled([
    startService('ingest', { ...shared, env, opsPort: opsPorts.ingest }),
    startService('worker', { ...shared, opsPort: opsPorts.worker }),
  ])
  const [ingestStart, workerStart] = starts
  if (ingestStart.status === 'rejected' || workerStart.status === 'rejected') {
    await Promise.all(starts.map((start) => start.status === 'fulfilled' && start.value.stop()))
    throw starts.find((start) => start.status === 'rejected')!.reason
  }
  const [ingest, worker] = [ingestStart.value, workerStart.value]
  return {
    ingestUrl: ingest.url,
    ingestOpsUrl: ingest.opsUrl,
    workerOpsUrl: worker.opsUrl,
    ingest,
    worker,
    ended: Promise.race([ingest, worker].map(({ name, ended }) => ended.then((how) => `${name} ${how}`))),
    async stop() {
      await ingest.stop()
      await worker.stop()
    },
  }
}
