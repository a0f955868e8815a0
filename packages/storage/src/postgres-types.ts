import {
  type BinaryType,
  boolean,
  bytea,
  double,
  inet,
  integer,
  jsonb,
  real,
  text,
  timestamp,
  uuid,
} from './binary.ts'

const joinedText: BinaryType<readonly string[]> = {
  oid: text.oid,
  append: (bytes, texts) => text.append(bytes, texts.join(',')),
}

/**
 * Says how values of each Postgres type are written and read.
 *
 * - `binary`: how a value is sent.
 * - `sentAs` with `parse`: the type that is sent where `unnest` cannot make values of the type itself, and the SQL that
 *   makes the value of it.
 * - `select` and `read`: they replace the driver's own reading where that is not the one wanted.
 * - `asKept`: a value, as it is written or as the driver reads it, in one form that is equal where Postgres keeps the
 *   same; where it is missing, the value itself is that form.
 */
export const postgresTypes = {
  uuid: { binary: uuid, asKept: (uuid: string) => uuid.toLowerCase() },
  text: { binary: text, asKept: (text: string) => text.toWellFormed() },
  integer: { binary: integer },
  'double precision': { binary: double },
  real: { binary: real, asKept: Math.fround },
  boolean: { binary: boolean },
  /** Written as milliseconds since the Unix epoch, read as ISO 8601 in UTC. */
  timestamptz: {
    binary: timestamp,
    read: (value: unknown) => (value instanceof Date ? value.toISOString() : value),
    asKept: (time: number | Date) => Number(time),
  },
  /** Read as hexadecimal digits. */
  bytea: { binary: bytea, select: (column: string) => `encode(${column}, 'hex') AS ${column}` },
  /** A transaction id of 64 bits; JavaScript has no number for it. No value of ours is written to such a column. */
  xid8: { binary: text, sentAs: 'text', parse: (column: string) => `${column}::xid8` },
  inet: { binary: inet },
  /** `unnest` would take its elements apart. They must hold no comma. */
  'text[]': {
    binary: joinedText,
    sentAs: 'text',
    parse: (column: string) => `string_to_array(${column}, ',')`,
    asKept: (texts: readonly string[]) => texts.join(','),
  },
  jsonb: { binary: jsonb },
} satisfies Record<string, PostgresTypeHandling>

interface PostgresTypeHandling {
  // biome-ignore lint/suspicious/noExplicitAny: each takes values of its own type
  binary: BinaryType<any>
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
export type Written<Type extends PostgresType> = ValueOf<(typeof postgresTypes)[Type]['binary']> | null

type ValueOf<Binary> = Binary extends BinaryType<infer Value> ? Value : never

/** The types of which a value is sent as what it is, and COPY can take it. */
export type CopiedType = {
  [Type in PostgresType]: (typeof postgresTypes)[Type] extends { sentAs: string } ? never : Type
}[PostgresType]

/** The values that are read of a column of that type when values of type `Value` are written. */
export type ReadOf<Type extends PostgresType, Value> = Type extends 'timestamptz' | 'bytea'
  ? string | Extract<Value, null>
  : Value
