/** A line of a body as it is shown. */
export interface JsonLine {
  /** How many objects and arrays it is inside of. */
  readonly depth: number
  /** The place of its value, such as `payload.details.callA.source`; empty for the body itself. */
  readonly path: string
  /** As it was sent, but for the space between tokens. */
  readonly text: string
  /** The place in the body where the line begins, in UTF-16 units. */
  readonly offset: number
}

interface Container {
  readonly closing: '}' | ']'
  readonly path: string
  /** The line that opened it says where it closes. */
  readonly depth: number
}

/** White space, a text, a word or a number, a mark, or anything else: one character, or a text that does not end. */
export const jsonToken = /[ \t\r\n]+|"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+|[\s\S]/g

/**
 * Breaks a body into lines, one a member. It changes no token, so that one sees what was sent: members that come twice,
 * numbers of any length, escapes. It takes broken JSON as well, and does what it can.
 *
 * @param mostLines the lines behind them are left out
 */
export function linesOfJson(body: string, mostLines: number): JsonLine[] {
  const lines: JsonLine[] = []
  const open: Container[] = []
  let line = { depth: 0, path: '', text: '', offset: 0 }
  /** The member's name is read; its value comes next. */
  let isBehindName = false

  function begin(depth: number, path: string, offset: number): void {
    if (line.text !== '') lines.push(line)
    line = { depth, path, text: '', offset }
    isBehindName = false
  }

  for (const { 0: part, index } of body.matchAll(jsonToken)) {
    if (lines.length >= mostLines) return lines
    if (/^[ \t\r\n]/.test(part)) continue
    if (line.text === '') line.offset = index
    const inside = open.at(-1)
    if (part === '{' || part === '[') {
      open.push({ closing: part === '{' ? '}' : ']', path: line.path, depth: line.depth })
      line.text += part
      begin(line.depth + 1, line.path, index + 1)
    } else if (inside && part === inside.closing) {
      open.pop()
      const isEmpty = line.text === '' && lines.at(-1)?.text.endsWith(part === '}' ? '{' : '[')
      if (isEmpty) line = { ...lines.pop()! }
      else begin(inside.depth, inside.path, index)
      line.text += part
    } else if (part === ',') {
      line.text += part
      begin(open.length, inside?.path ?? '', index + 1)
    } else if (part === ':') {
      line.text += ': '
      isBehindName = true
    } else {
      if (inside?.closing === '}' && !isBehindName && part.startsWith('"')) {
        line.path = inside.path === '' ? nameOf(part) : `${inside.path}.${nameOf(part)}`
      }
      line.text += part
    }
  }
  if (line.text !== '') lines.push(line)
  return lines
}

function nameOf(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    return quoted
  }
}

/** Finds the line of a place: the member itself, else the nearest object around it that is there. */
export function findLine(lines: readonly JsonLine[], path: string): JsonLine | undefined {
  const exact = lines.find((line) => line.path === path)
  if (exact !== undefined || path === '') return exact
  return findLine(lines, path.slice(0, Math.max(0, path.lastIndexOf('.'))))
}

/** Finds the line of a place in the body, in UTF-16 units. */
export function findLineAt(lines: readonly JsonLine[], offset: number): JsonLine | undefined {
  return lines.findLast((line) => line.offset <= offset)
}
