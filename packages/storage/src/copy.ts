import { operations, runOperation } from '@vss-pipeline/runtime'
import pg, { type ClientBase, type Connection } from 'pg'
import { appendValue, bytesOf, type GrowingBytes } from './binary.ts'
import { columnNameOf } from './column-name.ts'
import type { Columns, MemberColumn, OneForAllColumn, UnwrittenColumn } from './columns.ts'
import { type CopiedType, handlingOf, type Written } from './postgres-types.ts'
import { listed, type Sources } from './statements.ts'

/**
 * COPY of any number of rows. An INSERT of the same rows takes Postgres a third more: it puts each array of `unnest` in a
 * store of its own first. But COPY knows no ON CONFLICT: a key that is there already ends it with SQLSTATE 23505.
 */
export interface Copy<Given extends Columns> {
  readonly text: string
  /**
   * Adds the rows to the table.
   *
   * @param sources the objects that the values are members of, a list for each kind, all in the order of the rows
   * @param forAll the values that are one for all rows
   */
  write(client: ClientBase, sources: Sources<Given>, forAll: ForAll<Given>): Promise<void>
}

type ForAll<Given extends Columns> = {
  readonly [Name in keyof Given as Given[Name] extends { isOneForAll: true } ? Name : never]: NonNullable<
    Written<Given[Name]['type']>
  >
}

/** A column whose value is given, because COPY computes none. */
type CopiedColumn = MemberColumn<string, CopiedType> | OneForAllColumn<CopiedType> | UnwrittenColumn

export function copyInto<Given extends Readonly<Record<string, CopiedColumn>>>(
  table: string,
  columns: Given,
): Copy<Given> {
  const fields = Object.entries<CopiedColumn>(columns).flatMap(([member, column]) =>
    'isUnwritten' in column
      ? []
      : [{ member, from: 'from' in column ? column.from : undefined, type: handlingOf(column.type).binary }],
  )
  const names = fields.map(({ member }) => columnNameOf(member))
  const text = `COPY ${table} (\n${listed(names)}\n) FROM STDIN (FORMAT binary)`

  function appendRows(bytes: GrowingBytes, sources: AnySources, forAll: AnyMembers): void {
    const rowCount = Object.values(sources)[0]!.length
    for (let row = 0; row < rowCount; row++) {
      bytes.int16(fields.length)
      for (const { member, from, type } of fields) {
        appendValue(bytes, type, (from === undefined ? forAll : sources[from]![row]!)[member])
      }
    }
  }

  return {
    text,
    write: (client, sources, forAll) =>
      runOperation(
        operations.statement,
        (startedMs) => ({ startedMs, text }),
        () =>
          copyFrom(
            client,
            text,
            copyMessages((bytes) => appendRows(bytes, sources, forAll)),
          ),
      ),
  }
}

type AnyMembers = Readonly<Record<string, unknown>>
type AnySources = Readonly<Record<string, readonly AnyMembers[]>>

/** `PGCOPY`, bytes that a conversion of line ends would spoil, no flags, no extension. */
const fileHeader = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const fileEnd = -1

const copyData = Buffer.from('d\0\0\0\0', 'latin1')
const copyDone = Buffer.from('c\0\0\0\x04', 'latin1')
/** A message's length counts itself, and not the letter before it. */
const letterBytes = 1

/** The rows as a COPY file in one CopyData message, with CopyDone behind it. */
function copyMessages(appendRows: (bytes: GrowingBytes) => void): Buffer {
  return bytesOf((bytes) => {
    bytes.bytes(copyData)
    bytes.bytes(fileHeader)
    appendRows(bytes)
    bytes.int16(fileEnd)
    bytes.view.setInt32(letterBytes, bytes.length - letterBytes)
    bytes.bytes(copyDone)
  })
}

/** A query whose server asks for rows. The rows are sent at once: no flush is so large that it must be sent in parts. */
class CopyQuery extends pg.Query {
  readonly messages: Buffer

  constructor(text: string, messages: Buffer, settle: (error: Error | undefined) => void) {
    super(text, settle)
    this.messages = messages
  }

  /** pg calls it. Its own answer would be that there are no rows. */
  handleCopyInResponse({ stream }: Connection): void {
    stream.write(this.messages)
  }
}

function copyFrom(client: ClientBase, text: string, messages: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyQuery(text, messages, (error) => (error ? reject(error) : resolve())))
  })
}
