/** Reads the spans of an OTLP request in protobuf, by the numbers of https://github.com/open-telemetry/opentelemetry-proto. */

/** A span as the collector of the tests received it. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  /** Empty where the span begins its trace. */
  parentSpanId: string
  name: string
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  startMs: number
  endMs: number
  attributes: Attributes
  links: { traceId: string; spanId: string; attributes: Attributes }[]
  droppedLinks: number
  events: number
  failed: boolean
  statusMessage: string
  /** The attributes of the process that sent it. */
  resource: Attributes
}

export type Attributes = Record<string, string | number | boolean>

/** @throws RangeError where the bytes are no such message. */
export function readSpans(request: Uint8Array): ReceivedSpan[] {
  return messages(fieldsOf(request), 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1)
    return messages(resourceSpans, 2)
      .flatMap((scopeSpans) => messages(scopeSpans, 2))
      .map((span) => readSpan(span, attributesOf(resource!, 1)))
  })
}

const kinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const errorStatus = 2n

function readSpan(span: Field[], resource: Attributes): ReceivedSpan {
  const [status = []] = messages(span, 15)
  return {
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4),
    name: text(span, 5),
    kind: kinds[Number(integer(span, 6))]!,
    startMs: Number(integer(span, 7)) / 1e6,
    endMs: Number(integer(span, 8)) / 1e6,
    attributes: attributesOf(span, 9),
    links: messages(span, 13).map((link) => ({
      traceId: hex(link, 1),
      spanId: hex(link, 2),
      attributes: attributesOf(link, 4),
    })),
    droppedLinks: Number(integer(span, 14)),
    events: messages(span, 11).length,
    failed: integer(status, 3) === errorStatus,
    statusMessage: text(status, 2),
    resource,
  }
}

function attributesOf(message: Field[], number: number): Attributes {
  return Object.fromEntries(
    messages(message, number).map((pair) => {
      const [value] = messages(pair, 2)
      return [text(pair, 1), readValue(value![0]!)]
    }),
  )
}

function readValue({ number, value }: Field): string | number | boolean {
  if (number === 1) return Buffer.from(value as Uint8Array).toString()
  if (number === 2) return value === 1n
  if (number === 3) return Number(value)
  throw new RangeError(`an attribute has a value of kind ${number}`)
}

interface Field {
  number: number
  value: bigint | Uint8Array
}

/** Splits a message into its fields: https://protobuf.dev/programming-guides/encoding/. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: Field[] = []
  let at = 0
  function readVarint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = buffer.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  function readBytes(length: number): Uint8Array {
    at += length
    return buffer.subarray(at - length, at)
  }
  while (at < buffer.length) {
    const tag = Number(readVarint())
    const number = tag >> 3
    const wireType = tag & 7
    if (wireType === 0) fields.push({ number, value: readVarint() })
    else if (wireType === 1) fields.push({ number, value: Buffer.from(readBytes(8)).readBigUInt64LE() })
    else if (wireType === 2) fields.push({ number, value: readBytes(Number(readVarint())) })
    else if (wireType === 5) fields.push({ number, value: BigInt(Buffer.from(readBytes(4)).readUInt32LE()) })
    else throw new RangeError(`a field has the unknown wire type ${wireType}`)
  }
  return fields
}

function messages(fields: Field[], number: number): Field[][] {
  return fields.filter((field) => field.number === number).map(({ value }) => fieldsOf(value as Uint8Array))
}

function last(fields: Field[], number: number): Field['value'] | undefined {
  return fields.findLast((field) => field.number === number)?.value
}

function hex(fields: Field[], number: number): string {
  return Buffer.from((last(fields, number) ?? []) as Uint8Array).toString('hex')
}

function text(fields: Field[], number: number): string {
  return Buffer.from((last(fields, number) ?? []) as Uint8Array).toString()
}

function integer(fields: Field[], number: number): bigint {
  return (last(fields, number) ?? 0n) as bigint
}
