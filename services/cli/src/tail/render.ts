import { styleText } from 'node:util'
import type { Change } from '@vss-pipeline/reader'
import { alignColumns, displayJsonLine, displayValue, shorten } from '../text.ts'

export type Format = 'jsonl' | 'table'

const statusColumns = 12

/** The lines of some changes, each with its end. */
export function renderChanges(format: Format, changes: readonly Change[]): string {
  return changes.map((change) => `${format === 'jsonl' ? displayJsonLine(change) : toRow(change)}\n`).join('')
}

/** The line above the rows of a table. */
export function renderHead(): string {
  const cells = toColumns(['CHANGED (UTC)', 'SESSION', 'REV', 'STATUS', 'TALK'])
  return `${styleText('bold', cells, { stream: process.stdout })}\n`
}

/** It has no phone number, so that it may be shown. */
function toRow({ kind, sessionId, revision, changedAt, session }: Change): string {
  return toColumns([
    changedAt.slice(5, 19).replace('T', ' '),
    sessionId,
    displayValue(revision),
    shorten(kind === 'erased' ? '(erased)' : displayValue(session?.status), statusColumns),
    session?.talkSeconds == null ? '-' : `${Math.round(session.talkSeconds)} s`,
  ])
}

/** Rows come one by one, so that the widths are fixed: an id has 36 characters, and the whole fits into 80. */
function toColumns(cells: readonly string[]): string {
  const widths = [14, 36, 3, statusColumns, 7]
  const padded = cells.map((cell, column) => (column === 2 ? cell.padStart(3) : cell.padEnd(widths[column]!)))
  return alignColumns([padded])
}
