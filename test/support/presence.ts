import { until } from '@vss-pipeline/local-stack'
import { type ProcessList, readProcesses, type ServiceName } from '@vss-pipeline/queue'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import type { RunningPipeline } from './running-pipeline.ts'

/** Reads which processes of a pipeline have told that they run; undefined while Redis is away. */
export type PresenceReader = () => Promise<ProcessList | undefined>

/** Connects until the test has finished. */
export function openPresence({
  redisUrl,
  queuePrefix,
}: Pick<RunningPipeline, 'redisUrl' | 'queuePrefix'>): PresenceReader {
  const client = new Redis(redisUrl, { maxRetriesPerRequest: 0, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  return () => readProcesses(client, queuePrefix).catch(() => undefined)
}

/** Waits until processes of these services, and no others, have told that they run. */
export async function untilPresent(
  readPresence: PresenceReader,
  services: readonly ServiceName[],
): Promise<void> {
  const wanted = services.toSorted().join()
  async function arePresent(): Promise<boolean> {
    const running = (await readPresence())?.running ?? []
    return (
      running
        .map(({ service }) => service)
        .toSorted()
        .join() === wanted
    )
  }
  await until(`The presence of ${wanted}`, arePresent, { timeoutMs: 20_000 })
}
