/** The delivery's id, a UUIDv7 (RFC 9562, section 5.7): who was first, and when, without another field. */

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const uuidV7Form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

/** Whether the text is a UUID in its 36-character form: any version, any case. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text)
}

/** Whether the text is a delivery's id: a UUIDv7. */
export function isDeliveryId(text: string): boolean {
  return uuidV7Form.test(text)
}

/**
 * The millisecond of receipt that a delivery id carries in its leading 48 bits.
 *
 * @param deliveryId a UUIDv7, any case
 * @returns milliseconds since the Unix epoch
 * @throws RangeError when the id is not a UUIDv7: no delivery has such an id
 */
export function receivedAtMsOf(deliveryId: string): number {
  if (!isDeliveryId(deliveryId)) throw new RangeError('a delivery id is a UUIDv7')
  return Number.parseInt(deliveryId.slice(0, 8) + deliveryId.slice(9, 13), 16)
}
