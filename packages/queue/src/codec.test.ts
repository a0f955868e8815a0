import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants, zstdCompressSync } from 'node:zlib'
import type { Delivery } from '@vss-pipeline/delivery'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type BatchPayload, encodeBatch, openBatch, UnknownPayloadError } from './codec.ts'
import { dictionary } from './dictionary.ts'

const latestMs = 2 ** 48 - 1

const deliveryIds = fc
  .tuple(
    fc.maxSafeNat().map((ms) => ms % latestMs),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  .map(([msecs, random]) => ({ deliveryId: uuidv7({ msecs, random }), receivedAtMs: msecs }))

const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text, 'utf16le')),
)

const contexts = fc.constantFrom<Pick<Delivery, 'context'>>(
  {},
  { context: { source: 'import' } },
  { context: { source: 'import', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } },
)

const deliveries: fc.Arbitrary<Delivery[]> = fc.array(
  fc
    .tuple(deliveryIds, fc.option(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), bodies, contexts)
    .map(([stamp, sourceIp, body, context]) => ({ ...stamp, sourceIp, body, ...context })),
  { minLength: 1, maxLength: 20 },
)

/** Gives the payload as it comes back from Redis. */
function throughRedis(payload: unknown): unknown {
  return JSON.parse(JSON.stringify(payload))
}

function comparable({ body, ...rest }: Delivery) {
  return { ...rest, body: Buffer.from(body).toString('hex') }
}

function makeDelivery(body: string | Uint8Array = '{}'): Delivery {
  const msecs = Date.now()
  return { deliveryId: uuidv7({ msecs }), receivedAtMs: msecs, sourceIp: '10.0.0.1', body: Buffer.from(body) }
}

function withEvents(events: unknown, ids = [uuidv7()]): unknown {
  return { v: 1, ids, events }
}

function packedEvents(entries: unknown): string {
  return zstdCompressSync(new Packr({ useRecords: false }).pack(entries)).toString('base64')
}

test('all deliveries come back as they were, in their order', () => {
  fc.assert(
    fc.property(deliveries, (sent) => {
      const decoded = openBatch(throughRedis(encodeBatch(sent))).unpack()
      expect(decoded?.map(comparable)).toEqual(sent.map(comparable))
    }),
  )
})

test('ids come in lower case, as Postgres gives them back, so that a second try finds its deliveries', () => {
  const delivery = makeDelivery()
  const events = packedEvents([[delivery.sourceIp, delivery.body]])
  const batch = openBatch({ v: 2, ids: [delivery.deliveryId.toUpperCase()], events })
  expect(batch.deliveryIds).toEqual([delivery.deliveryId])
  expect(batch.unpack()!.map(comparable)).toEqual([comparable(delivery)])
})

test.each([1, 2])('a batch of version %i, which has no dictionary, comes back as it was', (v) => {
  const body = Buffer.from('{}')
  const ids = [uuidv7(), uuidv7()]
  const packed = packedEvents([
    ['10.0.0.1', body],
    [null, body],
  ])
  const decoded = openBatch({ v, ids, events: packed }).unpack()
  expect(decoded?.map(({ deliveryId, sourceIp }) => [deliveryId, sourceIp])).toEqual([
    [ids[0], '10.0.0.1'],
    [ids[1], null],
  ])
})

test('the dictionary of version 3 never changes: a batch that waits was packed with it', () => {
  expect(hash('sha256', dictionary)).toBe('270487a2b23b7869233d2f6bf737b848fc435f69f61708e823d313348786922a')
})

test('a session alone takes less than a third of its size', () => {
  const example = readFileSync(
    new URL('../../../test/fixtures/example-completed.json', import.meta.url),
    'utf8',
  )
  const body = JSON.stringify(JSON.parse(example))
  const { events } = encodeBatch([makeDelivery(body)])
  expect(events.length).toBeLessThan(body.length / 3)
})

test('500 similar events take less than a tenth of their size', () => {
  const body = JSON.stringify({ namespace: 'VOICE', payload: { details: 'x'.repeat(1_500) } })
  const payload = encodeBatch(Array.from({ length: 500 }, () => makeDelivery(body)))
  expect(
    openBatch(payload)
      .unpack()
      ?.map(({ body }) => Buffer.from(body).toString()),
  ).toEqual(Array.from({ length: 500 }, () => body))
  expect(payload.events.length).toBeLessThan((500 * body.length) / 10)
})

test.each([31, 32])('%i deliveries come back, with the dictionary and without it', (count) => {
  const sent = Array.from({ length: count }, (_, index) => makeDelivery(`{"payload":{"callCount":${index}}}`))
  expect(
    openBatch(throughRedis(encodeBatch(sent)))
      .unpack()!
      .map(comparable),
  ).toEqual(sent.map(comparable))
})

test('the ids can be read without unpacking, and the bodies cannot', () => {
  const delivery = makeDelivery('{"source":"+6591234567"}'.repeat(3))
  const payload = encodeBatch([delivery])
  expect(openBatch({ ...payload, events: '' }).deliveryIds).toEqual([delivery.deliveryId])
  expect(JSON.stringify(payload)).not.toContain('6591234567')
})

describe('where the events are damaged, the ids can still be read', () => {
  const id = uuidv7()
  test.each([
    ['absent', undefined],
    ['null', null],
    ['a number', 7],
    ['an object', {}],
    ['an array', [1, 2]],
    ['empty', ''],
    ['not base64', '%%%'],
    ['not zstd', Buffer.from('hello').toString('base64')],
    ['not msgpack', zstdCompressSync(Buffer.from([0xc1, 0xc1])).toString('base64')],
    ['not a list', packedEvents('text')],
    ['too few', packedEvents([])],
    [
      'too many',
      packedEvents([
        [null, Buffer.from('a')],
        [null, Buffer.from('b')],
      ]),
    ],
    ['not a list of pairs', packedEvents([7])],
    ['a list of nulls', packedEvents([null])],
    ['an address that is not a text', packedEvents([[7, Buffer.from('a')]])],
    ['a body that is not bytes', packedEvents([[null, 'text']])],
    ['a body that is absent', packedEvents([[null]])],
    [
      'a list that claims to be endless',
      zstdCompressSync(Buffer.from('ddffffffff', 'hex')).toString('base64'),
    ],
  ])('%s', (_, events) => {
    for (const payload of [withEvents(events, [id]), { ...encodeBatch([makeDelivery()]), events }]) {
      const batch = openBatch(payload)
      expect(batch.unpack()).toBeUndefined()
      expect(batch.deliveryIds).toHaveLength(1)
    }
  })

  test('cut off anywhere', () => {
    const sent = encodeBatch([makeDelivery('{"a":"hello hello hello"}')])
    for (let length = 0; length < sent.events.length - 4; length += 4) {
      expect(openBatch({ ...sent, events: sent.events.slice(0, length) }).unpack()).toBeUndefined()
    }
  })

  test('a changed byte never makes a body that nobody sent', () => {
    fc.assert(
      fc.property(deliveries, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, position, change) => {
        const payload = encodeBatch(sent)
        const bytes = Buffer.from(payload.events, 'base64')
        bytes[position % bytes.length]! ^= change
        const damaged = { ...payload, events: bytes.toString('base64') } satisfies BatchPayload
        const decoded = openBatch(damaged).unpack()
        if (decoded !== undefined) expect(decoded.map(comparable)).toEqual(sent.map(comparable))
      }),
    )
  })
})

test('a decompression bomb is damaged data, and is not unpacked in memory', () => {
  const bomb = zstdCompressSync(Buffer.alloc(512 * 1024 * 1024), {
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  }).toString('base64')
  const before = process.memoryUsage.rss()
  const id = uuidv7()
  expect(openBatch(withEvents(bomb, [id])).unpack()).toBeUndefined()
  expect(process.memoryUsage.rss() - before).toBeLessThan(300 * 1024 * 1024)
})

describe('a payload that this release must not touch', () => {
  function codeOf(payload: unknown): string {
    try {
      openBatch(payload)
    } catch (error) {
      expect(error).toBeInstanceOf(UnknownPayloadError)
      return (error as UnknownPayloadError).code
    }
    throw new Error('it was opened')
  }

  test.each([4, 0, '1', '2', null, 1.5])('version %j is unknown_version', (v) => {
    expect(codeOf({ ...encodeBatch([makeDelivery()]), v })).toBe('unknown_version')
  })

  test.each([undefined, null, 7, 'text', [], {}, { ids: [], events: '' }])('%j is not_a_batch', (payload) => {
    expect(codeOf(payload)).toBe('not_a_batch')
  })

  test.each([
    ['absent', undefined],
    ['not base64 of them', 'text'],
    ['packed of none', ''],
    ['packed and cut off', 'AZMsB0AAcACAAAAAAAAA'],
    ['packed of another version', Buffer.from(uuidv4().replaceAll('-', ''), 'hex').toString('base64')],
    ['an object', {}],
    ['empty', []],
    ['numbers', [7]],
    ['not UUIDs', ['a']],
    ['of another version', [uuidv4()]],
    ['of no variant', ['01a20318-cdd9-71ce-027c-38e15ddcf38b']],
    ['unusable except for one', [uuidv7(), null]],
  ])('ids that are %s make it not_a_batch', (_, ids) => {
    expect(codeOf({ v: 1, ids, events: '' })).toBe('not_a_batch')
  })

  test.each([
    ['absent', undefined],
    ['a list', [uuidv7()]],
    ['not base64 of 16 bytes each', 'text'],
    ['none', ''],
    ['cut off', 'AZMsB0AAcACAAAAAAAAAA'],
    ['of another version', Buffer.from(uuidv4().replaceAll('-', ''), 'hex').toString('base64')],
  ])('packed ids that are %s make it not_a_batch', (_, ids) => {
    expect(codeOf({ v: 3, ids, events: '' })).toBe('not_a_batch')
  })
})

test('an error shows nothing of the payload', () => {
  for (const payload of [{ v: '+6591234567' }, { v: 1, ids: ['+6591234567'], events: '' }, '+6591234567']) {
    expect(() => openBatch(payload)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('6591') }),
    )
  }
})

test.each([
  new RangeError('Array buffer allocation failed'),
  Object.assign(new Error('allocation failed'), { code: 'ERR_ZLIB_INITIALIZATION_FAILED' }),
])('a lack of memory is thrown as a fault, so that the batch comes again', (error) => {
  const allocation = vi.spyOn(Buffer, 'from').mockImplementationOnce(() => {
    throw error
  })
  onTestFinished(() => allocation.mockRestore())
  const batch = openBatch({ v: 1, ids: [uuidv7()], events: 'AAAA' })
  expect(() => batch.unpack()).toThrow('allocation failed')
})
