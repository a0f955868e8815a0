import type { Delivery } from './delivery.ts'

/** Batches hold at most so many deliveries or so many body bytes; a larger body travels alone. */
export const batchLimits = { maxCount: 500, maxBytes: 1024 * 1024 } as const

/** What a delivery counts against {@link batchLimits}. */
export function sizeOfDelivery({ body }: Pick<Delivery, 'body'>): { count: number; bytes: number } {
  return { count: 1, bytes: body.length }
}
