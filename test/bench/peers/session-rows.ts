import { hash } from 'node:crypto'
import type { CallLeg, Session } from '@vss-pipeline/vss'
import { v7 } from 'uuid'
import { columnNameOf } from '../../../packages/storage/src/column-name.ts'
import { callLegColumns, sessionColumns } from '../../../packages/storage/src/columns.ts'

const sessionMembers = membersFrom(sessionColumns, 'session')
const legMembers = membersFrom(callLegColumns, 'leg')

const given = [...sessionMembers.map(columnNameOf), 'delivery_id', 'body_sha256']
const computed = { received_at: 'now()', processed_at: 'now()', pipeline_version: `'peer'` }

/** How many values {@link upsertSession} takes. */
export const sessionValueCount = given.length

/** Inserts a session, or replaces it by the event that is stored last. Takes {@link sessionValues}. */
export const upsertSession = `INSERT INTO vss.sessions (
  ${[...given, 'revision', ...Object.keys(computed)].join(', ')}
)
VALUES (${given.map((_, index) => `$${index + 1}`).join(', ')}, 1, ${Object.values(computed).join(', ')})
ON CONFLICT (session_id) DO UPDATE SET
  ${[...given.slice(1), ...Object.keys(computed)].map((column) => `${column} = excluded.${column}`).join(', ')},
  revision = sessions.revision + 1`

export function sessionValues(session: Session, body: Uint8Array): unknown[] {
  return [...valuesOf(session, sessionMembers), v7(), hash('sha256', body, 'buffer')]
}

/** The columns of {@link legValues}. */
export const legColumns = ['session_id', ...legMembers.map(columnNameOf)].join(', ')

export function legValues(sessionId: string, leg: CallLeg): unknown[] {
  return [sessionId, ...valuesOf(leg, legMembers)]
}

/** @returns `($3, $4), ($5, $6)` for two rows of two values after two others. */
export function placeholders(rows: readonly unknown[][], before = 0): string {
  let count = before
  return rows.map((row) => `(${row.map(() => `$${++count}`).join(', ')})`).join(', ')
}

/** The members of that object that a table has columns of. */
function membersFrom(columns: typeof sessionColumns | typeof callLegColumns, from: string): string[] {
  return Object.entries(columns)
    .filter(([, column]) => 'from' in column && column.from === from)
    .map(([member]) => member)
}

/** As the driver takes them: times as text. */
function valuesOf(row: object, members: readonly string[]): unknown[] {
  return members.map((member) => {
    const value = (row as Record<string, unknown>)[member]
    return member.endsWith('AtMs') && typeof value === 'number' ? new Date(value).toISOString() : value
  })
}
