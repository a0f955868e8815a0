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
    // A feed reads many rows, and an iterator with indexes would take longer than the rest.
    for (let index = 0; index < members.length; index++) {
      const { name, read } = members[index]!
      row[name] = read(values[index])
    }
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

/** JSON has a time in the time zone of the connection. Most connections are in UTC, where its parts are those we want. */
function jsonTime(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const [, seconds, fraction = ''] = timeInUtc.exec(value) ?? []
  if (seconds === undefined) return new Date(value).toISOString()
  return `${seconds}.${fraction.padEnd(3, '0')}Z`
}

const timeInUtc = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?\+00:00$/
