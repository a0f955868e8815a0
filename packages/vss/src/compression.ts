import { constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'

/**
 * The most that a compressed body may hold, in bytes: 500 times the vendor's own, and as much as a whole batch of bodies
 * that are not compressed. Reading hostile JSON of this size takes a worker under 0.1 s and 60 MB. With 16 MiB it would
 * be over a second and 900 MB, for a body that is sent as less than 1 kB.
 */
export const mostDecompressedBytes = 1024 * 1024

/** Decoders need memory for the frame's window. RFC 8878 recommends to support windows of 8 MiB, and no more. */
const largestZstdWindowLog = 23

const bound = { maxOutputLength: mostDecompressedBytes }
const zstdBound = { ...bound, params: { [constants.ZSTD_d_windowLogMax]: largestZstdWindowLog } }

/** The second bytes of zlib data, one for each level of compression. They are a checksum of the first byte too. */
const zlibLevels: ReadonlySet<number | undefined> = new Set([0x01, 0x5e, 0x9c, 0xda])

/** Finds how a body is compressed by its first bytes. No JSON begins with any of them. */
function decompressorOf(body: Uint8Array): ((body: Uint8Array) => Uint8Array) | null {
  switch (body[0]) {
    case 0x1f:
      return body[1] === 0x8b ? (gzip) => gunzipSync(gzip, bound) : null
    case 0x78:
      return zlibLevels.has(body[1]) ? (zlib) => inflateSync(zlib, bound) : null
    case 0x28:
      return body[1] === 0xb5 && body[2] === 0x2f && body[3] === 0xfd
        ? (zstd) => zstdDecompressSync(zstd, zstdBound)
        : null
    default:
      return null
  }
}

/**
 * Decompresses a body of gzip, zlib or zstd.
 *
 * @returns any other body itself; null when a compressed one is damaged, or holds more than {@link mostDecompressedBytes}
 */
export function decompressed(body: Uint8Array): Uint8Array | null {
  const decompress = decompressorOf(body)
  if (decompress === null) return body
  try {
    return decompress(body)
  } catch {
    return null
  }
}
