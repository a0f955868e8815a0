import { arrayOf } from './arrays.ts'
import { columnNameOf } from './column-name.ts'
import type { Column, Columns, MemberColumn } from './columns.ts'
import { handlingOf } from './postgres-types.ts'

/** A statement, or a part of one, that is given any number of rows, as a binary array for each column. */
export interface Statement<Given extends Columns> {
  readonly text: string
  /**
   * The statement's first parameters. The values that are one for all rows come behind them.
   *
   * @param sources the objects that the values are members of, a list for each kind, all in the order of the rows
   */
  encode(sources: Sources<Given>): Buffer[]
}

export type Sources<Given extends Columns> = {
  readonly [From in SourceNames<Given>]: readonly Readonly<Record<MembersFrom<Given, From>, unknown>>[]
}

type SourceNames<Given extends Columns> = Extract<Given[keyof Given], MemberColumn>['from']

type MembersFrom<Given extends Columns, From> = {
  [Name in keyof Given]: Given[Name] extends MemberColumn<From> ? Name : never
}[keyof Given]

/** The rows that a statement is given: `unnest($1::uuid[], ...) AS new (session_id, ...)`. */
interface GivenRows<Given extends Columns> extends Statement<Given> {
  readonly parameterCount: number
}

function givenRows<Given extends Columns>(columns: Given): GivenRows<Given> {
  const members = Object.entries<Column>(columns).flatMap(([member, column]) =>
    'from' in column ? [{ member, from: column.from, ...handlingOf(column.type), type: column.type }] : [],
  )
  const arrays = members.map(({ sentAs, type }, index) => `$${index + 1}::${sentAs ?? type}[]`)
  return {
    text: `unnest(
${listed(arrays)}
) AS new (
${listed(members.map(({ member }) => columnNameOf(member)))}
)`,
    parameterCount: members.length,
    encode: (sources) =>
      members.map(({ member, from, binary }) =>
        arrayOf(binary, valuesOf(sources[from as SourceNames<Given>], member)),
      ),
  }
}

function valuesOf(rows: readonly Record<string, unknown>[], member: string): unknown[] {
  const values = new Array<unknown>(rows.length)
  for (let index = 0; index < rows.length; index++) values[index] = rows[index]![member]
  return values
}

/** The value of a column of the given rows. */
function givenValue(member: string, { type }: Column): string {
  return handlingOf(type).parse?.(columnNameOf(member)) ?? columnNameOf(member)
}

/**
 * Makes an INSERT of the given rows.
 *
 * @param target the table, with an alias where the rest of the statement wants one
 */
export function insertInto<Given extends Columns>(target: string, columns: Given): Statement<Given> {
  const rows = givenRows(columns)
  const written = writtenOf(columns)
  let parameters = rows.parameterCount
  const values = written.map(([member, column]) => {
    if ('isOneForAll' in column) return `$${++parameters}`
    if ('insert' in column) return column.insert
    return givenValue(member, column)
  })
  const text = `INSERT INTO ${target} (
${listed(written.map(([member]) => columnNameOf(member)))}
)
SELECT
${listed(values)}
FROM ${rows.text}`
  return { text, encode: rows.encode }
}

function writtenOf(columns: Columns): [member: string, Exclude<Column, { isUnwritten: true }>][] {
  return Object.entries(columns).flatMap(([member, column]) =>
    'isUnwritten' in column ? [] : [[member, column]],
  )
}

/** `status = excluded.status, ...`: gives a row that is there the values of the row that conflicts with it. */
export function replacements(columns: Columns, options: { key: string }): string {
  return writtenOf(columns)
    .filter(([member]) => member !== options.key)
    .map(([member, column]) => {
      const name = columnNameOf(member)
      const update = 'insert' in column ? column.update : undefined
      return `  ${name} = ${update ?? `excluded.${name}`}`
    })
    .join(',\n')
}

/** The columns of a SELECT, each by the name that it has in the table. */
export function selected(columns: Columns): string {
  return listed(
    Object.entries(columns).map(([member, { type }]) => {
      const name = columnNameOf(member)
      return handlingOf(type).select?.(name) ?? name
    }),
  )
}

const longestLine = 110

/** Separates by commas, on indented lines that can be read without scrolling. */
export function listed(items: readonly string[]): string {
  const lines: string[] = []
  let line = ' '
  for (const [index, item] of items.entries()) {
    const next = ` ${item}${index < items.length - 1 ? ',' : ''}`
    if (line.length + next.length > longestLine) {
      lines.push(line)
      line = ' '
    }
    line += next
  }
  return [...lines, line].join('\n')
}
