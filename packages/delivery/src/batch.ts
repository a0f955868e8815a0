import type { Delivery } from './delivery.ts'

/** A batch holds at most this many deliveries and this many bytes of bodies. A larger body travels alone. */
export const batchLimits = { maxCount: 500, maxBytes: 1024 * 1024 } as const

/** The share of {@link batchLimits} that a delivery takes up. */
export function sizeOfDelivery({ body }: Pick<Delivery, 'body'>): { count: number; bytes: number } {
  return { count: 1, bytes: body.length }
}
