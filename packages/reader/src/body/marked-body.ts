import { decompressed, type Reason } from '@vss-pipeline/vss/vocabulary'
import { findJsonBreak } from './json-break.ts'
import { findLine, findLineAt, type JsonLine, linesOfJson } from './json-lines.ts'

/** Nobody reads more of a body. Events of the vendor's have 2 KB and 60 lines. */
const most = { characters: 64 * 1024, lines: 1_000 }

/** A line of a body, a member of its JSON, as it was sent. Its text may hold any characters. */
export interface MarkedLine {
  /** How many objects and arrays it is inside of. */
  readonly depth: number
  readonly text: string
  /** Why the delivery was rejected for this place; null for other places. */
  readonly note: string | null
}

/** A body to look at. */
export type MarkedBody =
  | {
      readonly kind: 'text'
      readonly lines: readonly MarkedLine[]
      /** There is more than can be shown. */
      readonly isCut: boolean
      readonly isCompressed: boolean
      /** The length of its content. */
      readonly bytes: number
    }
  | {
      readonly kind: 'bytes'
      /** It is compressed, and damaged or too large; otherwise it is not UTF-8. */
      readonly isDamaged: boolean
      /** The content, where it can be read. */
      readonly content: Uint8Array
    }

/**
 * Breaks a delivery's body into lines, and marks the places for which it was rejected: the member that a reason names,
 * else the nearest one around it that is there; where the text is no JSON, the place where it stops to be.
 */
export function markBody(
  body: Uint8Array,
  reasons: readonly Pick<Reason, 'path' | 'message'>[] = [],
): MarkedBody {
  const content = decompressed(body)
  const text = content === null ? null : utf8(content)
  if (content === null || text === null) {
    return { kind: 'bytes', isDamaged: content === null, content: content ?? body }
  }
  const shown = text.slice(0, most.characters)
  const lines = linesOfJson(shown, most.lines)
  const notes = notesOf(lines, text, reasons)
  return {
    kind: 'text',
    lines: lines.map((line) => ({ depth: line.depth, text: line.text, note: notes.get(line) ?? null })),
    isCut: shown.length < text.length || lines.length >= most.lines,
    isCompressed: content !== body,
    bytes: content.length,
  }
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

function notesOf(
  lines: readonly JsonLine[],
  text: string,
  reasons: readonly Pick<Reason, 'path' | 'message'>[],
): Map<JsonLine, string> {
  const notes = new Map<JsonLine, string>()
  if (reasons.length === 0) return notes
  const breakOffset = findJsonBreak(text)
  for (const { path, message } of reasons) {
    const line = breakOffset === null ? findLine(lines, path) : findLineAt(lines, breakOffset)
    if (line === undefined) continue
    const known = notes.get(line)
    const note = path === '' || line.path === path ? message : `${path}: ${message}`
    notes.set(line, known === undefined ? note : `${known}; ${note}`)
  }
  return notes
}
