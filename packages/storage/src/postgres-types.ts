import {
  booleanArray,
  byteArray,
  doubleArray,
  integerArray,
  realArray,
  textArray,
  timestampArray,
  uuidArray,
} from './arrays.ts'

/**
 * Says how values of each Postgres type are written and read.
 *
 * - `encode`: a column of values as a binary array.
 * - `sentAs` with `parse`: the type that is sent where arrays of the type itself cannot be, and the SQL that makes the
 *   value of it.
 * - `select` and `read`: they replace the driver's own reading where that is not the one wanted.
 * - `asKept`: a value, as it is written or as the driver reads it, in one form that is equal where Postgres keeps the
 *   same; where it is missing, the value itself is that form.
 */
export const postgresTypes = {
  uuid: { encode: uuidArray, asKept: (uuid: string) => uuid.toLowerCase() },
  text: { encode: textArray, asKept: (text: string) => text.toWellFormed() },
  integer: { encode: integerArray },
  'double precision': { encode: doubleArray },
  real: { encode: realArray, asKept: Math.fround },
  boolean: { encode: booleanArray },
  /** Written as milliseconds since the Unix epoch, read as ISO 8601 in UTC. */
  timestamptz: {
    encode: timestampArray,
    read: (value: unknown) => (value instanceof Date ? value.toISOString() : value),
    asKept: (time: number | Date) => Number(time),
  },
  /** Read as hexadecimal digits. */
  bytea: { encode: byteArray, select: (column: string) => `encode(${column}, 'hex') AS ${column}` },
  /** A transaction id of 64 bits; JavaScript has no number for it. */
  xid8: { encode: textArray, sentAs: 'text', parse: (column: string) => `${column}::xid8` },
  inet: { encode: textArray, sentAs: 'text', parse: (column: string) => `${column}::inet` },
  /** Its texts must hold no comma. */
  'text[]': {
    encode: (values: readonly (readonly string[])[]) => textArray(values.map((texts) => texts.join(','))),
    sentAs: 'text',
    parse: (column: string) => `string_to_array(${column}, ',')`,
    asKept: (texts: readonly string[]) => texts.join(','),
  },
  jsonb: {
    encode: (values: readonly (object | null)[]) =>
      textArray(values.map((value) => (value === null ? null : JSON.stringify(value)))),
    sentAs: 'text',
    parse: (column: string) => `${column}::jsonb`,
  },
} satisfies Record<string, PostgresTypeHandling>

interface PostgresTypeHandling {
  // biome-ignore lint/suspicious/noExplicitAny: each takes values of its own type
  encode: (values: readonly any[]) => Buffer
  sentAs?: string
  parse?: (column: string) => string
  select?: (column: string) => string
  read?: (value: unknown) => unknown
  // biome-ignore lint/suspicious/noExplicitAny: each takes values of its own type
  asKept?: (value: any) => unknown
}

export type PostgresType = keyof typeof postgresTypes

/** Gives an entry of {@link postgresTypes} to code that treats every type alike. */
export function handlingOf(type: PostgresType): PostgresTypeHandling {
  return postgresTypes[type]
}

/** The values that may be written to a column of that type. */
export type Written<Type extends PostgresType> = Parameters<(typeof postgresTypes)[Type]['encode']>[0][number]

/** The values that are read of a column of that type when values of type `Value` are written. */
export type ReadOf<Type extends PostgresType, Value> = Type extends 'timestamptz' | 'bytea'
  ? string | Extract<Value, null>
  : Value
