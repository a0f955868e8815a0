import { type Columns, columnNameOf, handlingOf, memberAsRead } from '@vss-pipeline/storage'

/** Makes our object of the values of a row. */
export type ReadRow<Row, Source> = (values: Source) => Row

/** Reads rows as the driver gives them, by the names of their columns. */
export function rowReader<Row>(columns: Columns): ReadRow<Row, Record<string, unknown>> {
  const members = Object.entries(columns).map(([member, { type }]) => ({
    name: memberAsRead(member),
    column: columnNameOf(member),
    read: handlingOf(type).read ?? asItIs,
  }))
  return (values) => {
    const row: Record<string, unknown> = {}
    for (const { name, column, read } of members) row[name] = read(values[column])
    return row as Row
  }
}

/** Reads rows that Postgres has made a JSON array of, with the columns in their order. */
export function jsonRowReader<Row>(columns: Columns): ReadRow<Row, readonly unknown[]> {
  const members = Object.entries(columns).map(([member, { type }]) => ({
    name: memberAsRead(member),
    read: type === 'timestamptz' ? jsonTime : asItIs,
  }))
  return (values) => {
    const row: Record<string, unknown> = {}
    for (const [index, { name, read }] of members.entries()) row[name] = read(values[index])
    return row as Row
  }
}

/** The SQL of such an array. Types that JSON cannot hold as they are read, such as bytea, have no place in it. */
export function jsonRow(columns: Columns): string {
  return `json_build_array(${Object.keys(columns).map(columnNameOf).join(', ')})`
}

function asItIs(value: unknown): unknown {
  return value
}

/** JSON has the time in the time zone of the connection. */
function jsonTime(value: unknown): unknown {
  return typeof value === 'string' ? new Date(value).toISOString() : value
}
