import { buffer } from 'node:stream/consumers'
import {
  constants,
  createZstdCompress,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  bodyOf,
  completedExample,
  completedWith,
  examplesReceivedAtMs,
} from '../../../test/support/vendor-examples.ts'
import { decompressed, mostDecompressedBytes } from './compression.ts'
import { enrichSession } from './enrich.ts'
import { validateEvent } from './validate.ts'

const levels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

const compressions: [string, (plain: Uint8Array) => Buffer][] = [
  ['gzip', (plain) => gzipSync(plain)],
  ...levels.map((level): [string, (plain: Uint8Array) => Buffer] => [
    `zlib of level ${level}`,
    (plain) => deflateSync(plain, { level }),
  ]),
  ['zstd', (plain) => zstdCompressSync(plain)],
  [
    'zstd of level 19',
    (plain) => zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }),
  ],
]

/** A body of spaces that holds more than its text by the given number of bytes. */
const padded = (text: string, bytes: number) => Buffer.from(text.padEnd(bytes))

describe('a compressed body', () => {
  const example = bodyOf(completedExample())

  test.each(compressions)('is read: %s', (_name, compress) => {
    const validation = validateEvent(compress(example))
    const session = validation.ok ? enrichSession(validation.session, examplesReceivedAtMs) : validation
    expect(session).toEqual(completedWith(() => {}))
  })

  test.each(compressions)(
    'may hold as much as the bound allows, and not a byte more: %s',
    (_name, compress) => {
      const text = JSON.stringify(completedExample())
      expect(validateEvent(compress(padded(text, mostDecompressedBytes))).ok).toBe(true)
      expect(decompressed(compress(padded(text, mostDecompressedBytes + 1)))).toBeNull()
    },
  )

  const damages: [string, (compressed: Buffer) => Uint8Array][] = [
    ['cut short', (compressed) => compressed.subarray(0, -1)],
    ['cut after its first bytes', (compressed) => compressed.subarray(0, 4)],
    ['with other bytes inside', (compressed) => Buffer.from(compressed).fill(0xff, 8)],
  ]

  test.each(
    damages.flatMap(([damage, change]) => compressions.map((each) => [damage, change, ...each] as const)),
  )('that is %s is malformed_json, and the reason says "compressed"', (_damage, change, _name, compress) => {
    expect(validateEvent(change(compress(example)))).toEqual({
      ok: false,
      sessionId: null,
      reasons: [
        {
          code: 'malformed_json',
          path: '',
          message: 'expected a compressed body (gzip, zlib or zstd) that is whole and holds at most 1 MiB',
        },
      ],
    })
  })

  test.each(compressions)('that holds no JSON is malformed_json: %s', (_name, compress) => {
    expect(validateEvent(compress(Buffer.from('hello')))).toMatchObject({
      ok: false,
      reasons: [{ code: 'malformed_json', message: 'expected JSON in UTF-8 in the compressed body' }],
    })
  })

  test.each([
    [23, true],
    [24, false],
    [27, false],
  ])('of zstd whose window is 2^%d bytes is read: %s', async (windowLog, isRead) => {
    const compressor = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } })
    compressor.write(example)
    // A frame that begins before its length is known declares a window.
    compressor.flush(() => compressor.end())
    const compressed = await buffer(compressor)
    expect(decompressed(compressed)).toEqual(isRead ? Buffer.from(example) : null)
  })

  test('that is compressed twice is malformed_json', () => {
    expect(validateEvent(gzipSync(gzipSync(example)))).toMatchObject({
      ok: false,
      reasons: [{ code: 'malformed_json' }],
    })
  })
})

describe('any other body', () => {
  test.each<[string, Uint8Array]>([
    ['nothing', Buffer.of()],
    ['JSON', Buffer.from('{}')],
    ['a text that begins like zlib', Buffer.from('xyz')],
    ['the first byte of gzip', Buffer.of(0x1f)],
    ['half of the first bytes of zstd', Buffer.of(0x28, 0xb5)],
    ['deflate without a header', deflateRawSync('{}')],
  ])('is left as it is: %s', (_what, body) => {
    expect(decompressed(body)).toBe(body)
  })
})
