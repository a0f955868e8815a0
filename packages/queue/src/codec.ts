import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type Delivery, isDeliveryId, readContext, receivedAtMsOf } from '@vss-pipeline/delivery'
import { Packr, Unpackr } from 'msgpackr'
import { dictionary } from './dictionary.ts'

/**
 * The payload of a job. The ids can be read without unpacking, so that a batch whose events cannot be decoded is still
 * accounted for. The time of receipt is in the id.
 *
 * An entry is `[sourceIp, body]`, or `[sourceIp, body, context]` where the delivery has a context.
 *
 * Version 1 has no contexts. Up to version 2 `ids` is a list of UUIDs, and zstd never has a dictionary.
 */
export interface BatchPayload {
  v: typeof payloadVersion
  /** The delivery ids in base64, 16 bytes each. */
  ids: string
  /** msgpack of one entry an id, compressed by zstd, in base64. */
  events: string
}

/** The version of the payloads that this release writes, and those that it reads. */
export const payloadVersion = 3
export const readPayloadVersions: readonly number[] = [1, 2, 3]
/** The last version whose ids are listed, and whose events need no dictionary. */
const lastVersionOfLists = 2

/** This release must not touch the payload: it has another version, or is not a batch. */
export class UnknownPayloadError extends Error {
  readonly code: 'unknown_version' | 'not_a_batch'
  override readonly name = 'UnknownPayloadError'
  constructor(code: 'unknown_version' | 'not_a_batch', message: string) {
    super(message)
    this.code = code
  }
}

/** A batch from the queue. Its ids can be read at once. Its deliveries are unpacked on demand. */
export interface PackedBatch {
  readonly deliveryIds: readonly string[]
  /** @returns the deliveries, in the order of their ids; undefined when they are damaged, since that is bad data. */
  unpack(): Delivery[] | undefined
}

// Far more than a batch holds, even one of a single large body.
const maxDecodedBytes = 128 * 1024 * 1024

const params = {
  // Without a checksum, a damaged byte could come back as a body that nobody sent.
  [constants.ZSTD_c_checksumFlag]: 1,
  // The fastest level makes batches 4 % larger than the usual third one, in four fifths of the time.
  [constants.ZSTD_c_compressionLevel]: 1,
}

/** A batch of this many is packed without the dictionary: it would be a tenth smaller, and take a fifth more time. */
const manyDeliveries = 32

const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false })

/** Packs deliveries, in their order, into a job's payload. */
export function encodeBatch(deliveries: readonly Delivery[]): BatchPayload {
  const packed = packr.pack(deliveries.map(toEntry))
  const options = deliveries.length < manyDeliveries ? { params, dictionary } : { params }
  return {
    v: payloadVersion,
    ids: packIds(deliveries.map(({ deliveryId }) => deliveryId)),
    events: zstdCompressSync(packed, options).toString('base64'),
  }
}

/**
 * Reads a job's payload without unpacking the events.
 *
 * @throws UnknownPayloadError `unknown_version` (a newer producer: a fault, to be retried by a newer worker) or
 *   `not_a_batch` (no usable ids: not this pipeline's job).
 */
export function openBatch(payload: unknown): PackedBatch {
  const envelope = readEnvelope(payload)
  return { deliveryIds: envelope.ids, unpack: () => unpackEvents(envelope) }
}

function unpackEvents({ v, ids, events }: Envelope): Delivery[] | undefined {
  try {
    const packed = zstdDecompressSync(Buffer.from(events as string, 'base64'), {
      maxOutputLength: maxDecodedBytes,
      ...(v > lastVersionOfLists && { dictionary }),
    })
    const entries: unknown = unpackr.unpack(packed)
    if (!Array.isArray(entries) || entries.length !== ids.length) return undefined
    return ids.map((deliveryId, index) => readDelivery(deliveryId, entries[index]))
  } catch (error) {
    if (isOutOfMemory(error)) throw error
    return undefined
  }
}

/** A payload whose version and ids have been checked. */
interface Envelope {
  v: number
  ids: string[]
  events: unknown
}

function readEnvelope(payload: unknown): Envelope {
  if (typeof payload !== 'object' || payload === null || !('v' in payload)) {
    throw new UnknownPayloadError('not_a_batch', 'the job carries no batch: expected {v, ids, events}')
  }
  const { v, ids, events } = payload as { v: unknown; ids?: unknown; events?: unknown }
  if (!readPayloadVersions.includes(v as number)) {
    throw new UnknownPayloadError(
      'unknown_version',
      `the batch has a version that this release cannot read: expected ${readPayloadVersions.join(', ')}`,
    )
  }
  const read = (v as number) > lastVersionOfLists ? unpackIds(ids) : listedIds(ids)
  if (read.length === 0 || !read.every(isDeliveryId)) {
    throw new UnknownPayloadError(
      'not_a_batch',
      'the batch has no usable delivery ids: expected UUIDs of version 7',
    )
  }
  return { v: v as number, ids: read, events }
}

/** The ids of version 1 and 2; none where they are not a list of texts. */
function listedIds(ids: unknown): string[] {
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) return []
  // Postgres gives ids back in lower case, and two that differ in case alone are one to it.
  return ids.map((id) => id.toLowerCase())
}

function packIds(ids: readonly string[]): string {
  return Buffer.from(ids.join('').replaceAll('-', ''), 'hex').toString('base64')
}

const hexDigits = 32

/** @returns no id where it cannot be a text of {@link packIds}. */
function unpackIds(text: unknown): string[] {
  if (typeof text !== 'string') return []
  const hex = Buffer.from(text, 'base64').toString('hex')
  if (hex.length % hexDigits !== 0) return []
  const ids: string[] = []
  for (let at = 0; at < hex.length; at += hexDigits) {
    const part = (first: number, end: number) => hex.slice(at + first, at + end)
    ids.push(`${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20, 32)}`)
  }
  return ids
}

/** Such an error does not mean damage: a worker with more memory, or with less in hand, can read the bytes. */
function isOutOfMemory(error: unknown): boolean {
  const { code = '', message } = error as NodeJS.ErrnoException
  return memoryErrorCodes.has(code) || (error instanceof RangeError && message.includes('allocation failed'))
}

const memoryErrorCodes = new Set([
  'ZSTD_error_memory_allocation',
  'Z_MEM_ERROR',
  'ERR_MEMORY_ALLOCATION_FAILED',
  // Of a context of zstd, or of the dictionary in it.
  'ERR_ZLIB_INITIALIZATION_FAILED',
])

function toEntry({ sourceIp, body, context }: Delivery): unknown[] {
  return context === undefined ? [sourceIp, body] : [sourceIp, body, context]
}

function readDelivery(deliveryId: string, entry: unknown): Delivery {
  const [sourceIp, body, stored] = entry as [unknown, unknown, unknown]
  if (sourceIp !== null && typeof sourceIp !== 'string') throw new TypeError('a source address is not a text')
  if (!(body instanceof Uint8Array)) throw new TypeError('a body is not bytes')
  const delivery = { deliveryId, receivedAtMs: receivedAtMsOf(deliveryId), sourceIp, body }
  const context = readContext(stored)
  return context === undefined ? delivery : { ...delivery, context }
}
