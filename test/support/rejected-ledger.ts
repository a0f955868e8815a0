import { generateEvents } from '@vss-pipeline/generator'
import { reject } from '@vss-pipeline/pipeline'
import type { Writer } from '@vss-pipeline/storage'
import type { ReasonCode } from '@vss-pipeline/vss'
import { makeDelivery } from './deliveries.ts'

const pageSize = 500

/** Records made-up deliveries as rejected by an earlier release for that reason. Today's code takes them. */
export async function storeRejected(
  writer: Writer,
  options: { count: number; code?: ReasonCode; path?: string; seed?: string },
): Promise<void> {
  const { count, code = 'invalid_field', path = 'payload.startTime', seed = 'rejected' } = options
  const message = 'refused by an earlier release'
  const entries = [...generateEvents({ seed, count })].map(({ body }) =>
    reject(makeDelivery(body, 60), [{ code, path, message }]),
  )
  for (let at = 0; at < entries.length; at += pageSize) await writer.write(entries.slice(at, at + pageSize))
}
