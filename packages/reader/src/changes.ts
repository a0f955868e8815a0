import { columnNameOf, type Pool, selected, sessionColumns } from '@vss-pipeline/storage'
import { jsonRow, jsonRowReader, rowReader } from './rows.ts'
import { type CallLegRow, legColumns, type SessionRow } from './sessions.ts'

/** A row of `vss.changes`, with the rows that it is about as they were when it was read. */
export type Change = SessionChange | Erasure

interface AnyChange {
  /** The place of the change in the feed: a text to keep as it is. */
  cursor: string
  sessionId: string
  /** ISO 8601 in UTC with milliseconds. It does not always rise. */
  changedAt: string
}

/** A session is new, or its content changed. */
export interface SessionChange extends AnyChange {
  kind: 'session'
  revision: number
  session: SessionRow
  /** In the order of their letters. */
  legs: CallLegRow[]
}

/** A session was erased: remove your copy. */
export interface Erasure extends AnyChange {
  kind: 'erased'
  revision: number | null
  session: null
  legs: []
}

/** Some changes in a row. */
export interface Page {
  /** Makes the changes of what was read, which takes as long as reading it: the next page can be read meanwhile. */
  takeChanges(): Change[]
  /** The cursor of the last row, also where that is no change that we know; null for an empty page. */
  end: string | null
  /** The page ends because it has as much as a page may have. */
  isFull: boolean
}

/** A page ends behind the session with which its legs reach this size, however few sessions it has. */
const maxLegBytes = 4 * 1024 * 1024

/** The columns that a session has as well go by other names. */
const ofChange = {
  kind: 'change_kind',
  sessionId: 'changed_session_id',
  revision: 'change_revision',
  changedAt: 'changed_at',
} as const

/**
 * Everything is read in one statement, because only then the session and its legs are those of the change. OFFSET 0 has
 * Postgres look for each session by its key: a planner that expects many changes would scan a table that is not large.
 */
export const selectChangesStatement = `SELECT *
FROM (
  SELECT change.cursor COLLATE "C" AS cursor, change.kind AS ${ofChange.kind},
    change.session_id AS ${ofChange.sessionId}, change.revision AS ${ofChange.revision}, change.changed_at,
    session.*, legs.legs,
    sum(octet_length(legs.legs)) OVER (ORDER BY change.cursor COLLATE "C" ROWS UNBOUNDED PRECEDING)
      - octet_length(legs.legs) AS bytes_before
  FROM vss.changes($1, $2) AS change
  LEFT JOIN LATERAL (
    SELECT
${selected(sessionColumns)}
    FROM vss.sessions WHERE session_id = change.session_id OFFSET 0
  ) AS session ON true
  CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(
      ${jsonRow(legColumns)}
      ORDER BY leg
    )::text, '[]') AS legs
    FROM vss.call_legs WHERE call_legs.session_id = change.session_id
  ) AS legs
) AS change
WHERE bytes_before < ${maxLegBytes}
ORDER BY cursor`

interface ChangeRecord extends Record<string, unknown> {
  cursor: string
  change_kind: string
  changed_session_id: string
  change_revision: number | null
  changed_at: Date
  legs: string
  bytes_before: string
}

const readSessionRow = rowReader<SessionRow>(sessionColumns)
const readLeg = jsonRowReader<CallLegRow>(legColumns)
const sessionKey = columnNameOf('sessionId')

/**
 * Reads the changes after a cursor, at most `maxRows`, oldest first.
 *
 * @param after null for the beginning.
 */
export async function selectChanges(
  client: Pick<Pool, 'query'>,
  options: { after: string | null; maxRows: number },
): Promise<Page> {
  const { after, maxRows } = options
  const { rows } = await client.query<ChangeRecord>(selectChangesStatement, [after, maxRows])
  const last = rows.at(-1)
  if (last === undefined) return { takeChanges: () => [], end: null, isFull: false }
  const legBytes = Number(last.bytes_before) + Buffer.byteLength(last.legs)
  return {
    takeChanges: () => rows.flatMap(readChange),
    end: last.cursor,
    isFull: rows.length === maxRows || legBytes >= maxLegBytes,
  }
}

/** @returns nothing for a kind of change that this release does not know. */
function readChange(record: ChangeRecord): [Change] | [] {
  const change = {
    cursor: record.cursor,
    sessionId: record.changed_session_id,
    changedAt: record.changed_at.toISOString(),
  }
  const { change_kind: kind, change_revision: revision } = record
  if (kind === 'erased') return [{ kind, ...change, revision, session: null, legs: [] }]
  if (kind !== 'session' || record[sessionKey] === null) return []
  const legs = (JSON.parse(record.legs) as unknown[][]).map(readLeg)
  return [{ kind, ...change, revision: revision!, session: readSessionRow(record), legs }]
}
