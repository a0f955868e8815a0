import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  booleanArray,
  byteArray,
  doubleArray,
  integerArray,
  realArray,
  textArray,
  timestampArray,
  uuidArray,
} from '../../../packages/storage/src/arrays.ts'
import { openStorage } from '../../support/open-storage.ts'

const int4Limit = 2 ** 31
const epochMs = fc.integer({
  min: Date.parse('-004000-01-01T00:00:00Z'),
  max: Date.parse('+270000-01-01T00:00:00Z'),
})

/** Each type with its values, and the text that Postgres must give back, because pg would read other types its own way. */
const types = [
  { type: 'uuid', make: uuidArray, values: fc.uuid(), asText: String },
  {
    type: 'integer',
    make: integerArray,
    values: fc.integer({ min: -int4Limit, max: int4Limit - 1 }),
    asText: String,
  },
  { type: 'boolean', make: booleanArray, values: fc.boolean(), asText: String },
  {
    type: 'text',
    make: textArray,
    values: fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\u0000', '')),
    asText: String,
  },
  {
    type: 'bytea',
    make: byteArray,
    values: fc.uint8Array(),
    asText: (value: Uint8Array) => `\\x${Buffer.from(value).toString('hex')}`,
  },
] as const

test.each(types)('$type[] reaches Postgres as it was, nulls and emptiness included', async (tested) => {
  const { type, make, values, asText } = tested as unknown as {
    type: string
    make: (values: unknown[]) => Buffer
    values: fc.Arbitrary<unknown>
    asText: (value: unknown) => string
  }
  const { pool } = await openStorage()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(values)), async (sent) => {
      const { rows } = await pool.query<{ value: string | null }>(
        `SELECT value::text FROM unnest($1::${type}[]) AS value`,
        [make(sent)],
      )
      expect(rows.map((row) => row.value)).toEqual(
        sent.map((value) => (value === null ? null : asText(value))),
      )
    }),
    { numRuns: 50 },
  )
})

test('numbers keep their value, reals to their precision', async () => {
  const { pool } = await openStorage()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.double())),
      fc.array(fc.option(fc.float())),
      async (doubles, reals) => {
        const { rows } = await pool.query<{ doubles: number[]; reals: number[] }>(
          'SELECT $1::double precision[] AS doubles, $2::real[] AS reals',
          [doubleArray(doubles), realArray(reals)],
        )
        expect(rows[0]?.doubles).toEqual(doubles)
        expect(rows[0]?.reals.map((value) => value && Math.fround(value))).toEqual(reals)
      },
    ),
    { numRuns: 50 },
  )
})

test('times keep their millisecond', async () => {
  const { pool } = await openStorage()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(epochMs)), async (times) => {
      const { rows } = await pool.query<{ ms: number | null }>(
        `SELECT (extract(epoch FROM sent) * 1000)::double precision AS ms FROM unnest($1::timestamptz[]) AS sent`,
        [timestampArray(times)],
      )
      expect(rows.map((row) => row.ms)).toEqual(times)
    }),
    { numRuns: 50 },
  )
})
