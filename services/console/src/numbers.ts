import { visible } from './format.ts'

/** Words that platforms send in place of a number. They name nobody. */
const wordsForNobody = new Set(['anonymous', 'private', 'restricted', 'unavailable', 'unknown', 'withheld'])

const dot = '•'

/** Shows numbers to somebody, and the bodies that hold them. */
export interface Numbers {
  readonly areShown: boolean
  /** A number, or the word or the SIP address in its place; a dash for null. */
  show(number: string | null): string
  /** A text that may hold numbers, such as a body. */
  showText(text: string): string
}

export const clearNumbers: Numbers = {
  areShown: true,
  show: (number) => (number === null ? '–' : visible(number)),
  showText: (text) => text,
}

/**
 * Keeps of each number the two digits at each end, by which somebody on the phone can tell that it is theirs.
 */
export const maskedNumbers: Numbers = {
  areShown: false,
  show: (number) => (number === null ? '–' : maskNumber(number)),
  showText: maskNumbersIn,
}

function maskNumber(number: string): string {
  if (wordsForNobody.has(number.toLowerCase())) return number
  const [, plus = '', digits] = /^(\+?)(\d{7,})$/.exec(number) ?? []
  if (digits === undefined) return dot.repeat(Math.min([...number].length, 8))
  return plus + maskDigits(digits)
}

function maskDigits(digits: string): string {
  return digits.slice(0, 2) + dot.repeat(digits.length - 4) + digits.slice(-2)
}

// A digit, or its escape in JSON, and the marks that people write between digits.
const digit = String.raw`(?:\d|\\u003\d)`
const uuid = String.raw`\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b`
const timestamp = String.raw`\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?`
const run = String.raw`${digit}(?:[ ().\-/]*${digit}){6,}`
// It begins where a word does: tried at each letter of a long word, it would take seconds.
const address = String.raw`(?:sips?|tel):[^"'\s,;>]+|(?<![^"'\s,:<>@])[^"'\s,:<>@]+@[^"'\s,;<>]+`
const mayBeNumber = new RegExp(`(${uuid}|${timestamp})|(${address})|(${run})`, 'gi')

/** Masks every run of seven digits or more but in ids and times, and every SIP address. */
function maskNumbersIn(text: string): string {
  return text.replace(mayBeNumber, (found, kept: string | undefined, sip: string | undefined) => {
    if (kept !== undefined) return found
    return sip !== undefined ? dot.repeat(8) : maskRun(found)
  })
}

function maskRun(found: string): string {
  const digits = found.match(/\\u003\d|\d/g)!
  let at = 0
  return found.replace(/\\u003\d|\d/g, (one) => {
    const isKept = at < 2 || at >= digits.length - 2
    at++
    return isKept ? one : dot
  })
}
