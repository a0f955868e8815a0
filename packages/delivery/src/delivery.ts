import type { DeliveryContext } from './context.ts'

/** One accepted POST. Immutable from the moment ingest stamps it. */
export interface Delivery {
  /** UUIDv7, lower case. Its leading 48 bits are the millisecond of receipt. */
  readonly deliveryId: string
  /** Milliseconds since the Unix epoch; always the millisecond inside `deliveryId`. */
  readonly receivedAtMs: number
  /** The sender's address, IPv4 or IPv6 in text form; null when it could not be known. */
  readonly sourceIp: string | null
  /** The request body as received, byte for byte. */
  readonly body: Uint8Array
  /** Absent when nothing more is known. */
  readonly context?: DeliveryContext
}
