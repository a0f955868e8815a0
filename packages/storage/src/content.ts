import type { Session } from '@vss-pipeline/vss'
import { columnNameOf } from './column-name.ts'
import { type Columns, callLegColumns, columnsFrom, type MemberColumn, sessionColumns } from './columns.ts'
import { handlingOf } from './postgres-types.ts'

/**
 * The content of a session: all that a delivery tells of it and of its legs, in an order of its own, each value as
 * Postgres keeps it. The other columns say which delivery told it, and when and by which release it was written.
 */
export type Content = readonly unknown[]

// The places of anomalies are no content: with a release that finds more, each repeated delivery would be a revision.
const { anomalyDetails: _, ...sessionContent } = columnsFrom(sessionColumns, 'session')

/** The columns of a session, and of a leg, that are content. */
export const contentColumns = {
  session: sessionContent,
  leg: columnsFrom(callLegColumns, 'leg'),
}

const sessionValues = comparedValues(contentColumns.session)
const legValues = comparedValues(contentColumns.leg)

/** The content that a delivery tells. */
export function contentOf(session: Session): Content {
  return sessionValues.told(session).concat(...session.legs.map(legValues.told))
}

/**
 * The content of rows.
 *
 * @param session a row with {@link contentColumns}, as the driver reads it
 * @param legs the same of its legs, in the order of their letters
 */
export function contentOfRows(session: object, legs: readonly object[]): Content {
  return sessionValues.stored(session).concat(...legs.map(legValues.stored))
}

/** Whether a reader would see the same of both. */
export function isSameContent(one: Content, other: Content): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index])
}

/** Takes the values of columns from our objects, and from rows, in forms that are equal where the values are. */
function comparedValues(columns: Columns) {
  const members = Object.entries(columns as Record<string, MemberColumn>).map(
    ([member, { type, comparedPart = all }]) => {
      const { asKept = all } = handlingOf(type)
      return {
        member,
        column: columnNameOf(member),
        compared: (value: unknown) => (value === null ? null : asKept(comparedPart(value))),
      }
    },
  )
  return {
    told: (source: object): unknown[] =>
      members.map(({ member, compared }) => compared(source[member as keyof typeof source])),
    stored: (row: object): unknown[] =>
      members.map(({ column, compared }) => compared(row[column as keyof typeof row])),
  }
}

function all(value: unknown): unknown {
  return value
}
