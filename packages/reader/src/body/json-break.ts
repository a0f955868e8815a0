import { jsonToken } from './json-lines.ts'

/** The thing that may come next. */
type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or the end'

const whiteSpace = /^[ \t\r\n]+$/
const string = /^"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"$/u
const otherScalar = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/

/**
 * Finds the place where a text stops to be JSON, in UTF-16 units: the beginning of the first wrong token, or the end of
 * a text that breaks off. JSON.parse does not tell the place of every error.
 *
 * @returns null where the text is JSON
 */
export function findJsonBreak(body: string): number | null {
  const open: string[] = []
  let expected: Expected = 'value'
  for (const { 0: part, index } of body.matchAll(jsonToken)) {
    if (whiteSpace.test(part)) continue
    const next = take(part, expected, open)
    if (next === null) return index
    expected = next
  }
  return open.length === 0 && expected === ', or the end' ? null : body.length
}

/** @param open the brackets that are open; it changes with the token. @returns null for a wrong token */
function take(part: string, expected: Expected, open: string[]): Expected | null {
  if (part === '}' || part === ']') return close(part, expected, open)
  if (part === ',') {
    if (expected !== ', or the end' || open.length === 0) return null
    return open.at(-1) === '{' ? 'name' : 'value'
  }
  if (part === ':') return expected === ':' ? 'value' : null
  if (expected === 'name' || expected === 'name or }') return string.test(part) ? ':' : null
  if (expected !== 'value' && expected !== 'value or ]') return null
  if (part === '{' || part === '[') {
    open.push(part)
    return part === '{' ? 'name or }' : 'value or ]'
  }
  return string.test(part) || otherScalar.test(part) ? ', or the end' : null
}

function close(part: '}' | ']', expected: Expected, open: string[]): Expected | null {
  const mayClose = expected === ', or the end' || expected === (part === '}' ? 'name or }' : 'value or ]')
  return mayClose && open.pop() === (part === '}' ? '{' : '[') ? ', or the end' : null
}
