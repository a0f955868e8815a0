import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Random } from '../random.ts'
import { type Dirt, rejected, stored } from './dirt.ts'

const compress = (json: string, random: Random) =>
  random.pick([gzipSync, deflateSync, zstdCompressSync])(json)

/** More than a reader should take from one body. */
const bombBytes = 2 * 1024 * 1024

/** Bodies as a proxy on the way may compress them. */
export const compressedBodies = {
  compressed: { expected: stored(), rewrite: compress },
  compressedAndCutShort: {
    expected: rejected('malformed_json'),
    hidesSession: true,
    rewrite: (json, random) => compress(json, random).subarray(0, -1),
  },
  compressionBomb: {
    expected: rejected('malformed_json'),
    hidesSession: true,
    rewrite: (json, random) => compress(json.padEnd(bombBytes), random),
  },
} satisfies Record<string, Dirt>
