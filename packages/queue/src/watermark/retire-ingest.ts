import type { Logger } from '@vss-pipeline/runtime/service'
import { withRedis } from '../short-connection.ts'
import { readMarks, retireMarks, silentAfterMs } from './ingest-marks.ts'

/**
 * Connects, retires the mark of an ingest that is gone for good, and disconnects. From then on the watermark goes by the
 * other ingests.
 *
 * @returns `running`, and does nothing, when the ingest has told its mark within 10 s; `unknown` when Redis has none.
 * @throws an Error with the reason when Redis cannot be reached within 5 s.
 */
export async function retireIngest(options: {
  redisUrl: string
  prefix: string
  logger: Logger
  id: string
}): Promise<'retired' | 'running' | 'unknown'> {
  const { redisUrl, prefix, logger, id } = options
  return await withRedis({ redisUrl, role: 'ingests', logger }, async (client) => {
    const { marks, nowMs } = await readMarks(client, prefix)
    const mark = marks.find((one) => one.id === id)
    if (mark === undefined) return 'unknown'
    if (nowMs - mark.toldAtMs < silentAfterMs) return 'running'
    await retireMarks(client, prefix, [mark])
    return 'retired'
  })
}
