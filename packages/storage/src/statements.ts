import { columnNameOf } from './column-name.ts'
import type { Column, Columns, MemberColumn } from './columns.ts'
import { handlingOf } from './postgres-types.ts'

/** An INSERT of any number of rows, which takes a binary array for each column. */
export interface Insert<Given extends Columns> {
  readonly text: string
  /**
   * The statement's first parameters; the values that are one for all rows come behind them.
   *
   * @param sources the objects that the values are members of, a list for each kind, all in the order of the rows
   */
  encode(sources: Sources<Given>): Buffer[]
}

type Sources<Given extends Columns> = {
  readonly [From in SourceNames<Given>]: readonly Readonly<Record<MembersFrom<Given, From>, unknown>>[]
}

type SourceNames<Given extends Columns> = Extract<Given[keyof Given], MemberColumn>['from']

type MembersFrom<Given extends Columns, From> = {
  [Name in keyof Given]: Given[Name] extends MemberColumn<From> ? Name : never
}[keyof Given]

/** @param target the table, with an alias where the rest of the statement wants one */
export function insertInto<Given extends Columns>(target: string, columns: Given): Insert<Given> {
  const all = Object.entries<Column>(columns)
  const members = all.flatMap(([member, column]) =>
    'from' in column ? [{ member, from: column.from, ...handlingOf(column.type), type: column.type }] : [],
  )
  let parameters = members.length
  const values = all.map(([member, column]) => {
    if ('isOneForAll' in column) return `$${++parameters}`
    if ('insert' in column) return column.insert
    return handlingOf(column.type).parse?.(columnNameOf(member)) ?? columnNameOf(member)
  })
  const arrays = members.map(({ sentAs, type }, index) => `$${index + 1}::${sentAs ?? type}[]`)
  const text = `INSERT INTO ${target} (
${listed(all.map(([member]) => columnNameOf(member)))}
)
SELECT
${listed(values)}
FROM unnest(
${listed(arrays)}
) AS new (
${listed(members.map(({ member }) => columnNameOf(member)))}
)`
  return {
    text,
    encode: (sources) =>
      members.map(({ member, from, encode }) =>
        encode(valuesOf(sources[from as SourceNames<Given>], member)),
      ),
  }
}

function valuesOf(rows: readonly Record<string, unknown>[], member: string): unknown[] {
  const values = new Array<unknown>(rows.length)
  for (let index = 0; index < rows.length; index++) values[index] = rows[index]![member]
  return values
}

/** `status = excluded.status, ...`: gives a row that is there the values of the one that was to be inserted. */
export function replacements(columns: Columns, options: { key: string }): string {
  return Object.entries(columns)
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

/** Separated by commas, on indented lines that can be read without scrolling. */
function listed(items: readonly string[]): string {
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
