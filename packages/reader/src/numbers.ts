/** A search for a person's number, by `number_backwards` of `vss.leg_numbers`. */
export interface NumberSearch {
  /** The column has one of these. */
  readonly whole?: readonly string[]
  /** The column begins with this. Present where `whole` is not. */
  readonly ending?: string
}

/** The fewest digits that are searched as the end of a number: one number in ten thousand has them. */
export const fewestDigits = 4
/** The longest number, or word in its place, that a column of numbers holds, in UTF-16 units. */
const longestNumber = 255

/** People write these between digits. Word processors make the last ones of `-`. */
const separators = /[\s\-.()/\u2010-\u2015\u2212]/gu
/** `+44 (0)20 ...`: the zero is dialled inside the country only. */
const innerZero = /^([( ]*(?:\+|00).*?)\(0\)/
/** Fewer digits after 00 are the last ones of a number. */
const internationalForm = /^(?:\+|00(?=\d{7}))(\d+)$/
/** Fewer digits are the last ones, and a 0 is one of them. */
const nationalForm = /^(?:0(?=\d{7}))?(\d+)$/

/**
 * Reads a phone number as people write it: with `+`, `00` or `tel:+` it is a whole number. Other digits are the end of
 * one, be it without `+`, without its country, or its last digits. Where a 0 leads seven digits or more it is left out:
 * it is dialled inside the country only. A text with letters is the word, or the SIP address, that was sent in place of
 * a number.
 *
 * @returns null for a text that is none of these, such as one with three digits.
 */
export function readNumberSearch(text: string): NumberSearch | null {
  const typed = text.trim().replace(/^tel:/i, '')
  if (typed.length > longestNumber || typed.includes('\0')) return null
  if (/\p{L}/u.test(typed)) return { whole: [backwards(typed)] }
  const bare = typed.replace(innerZero, '$1').replace(separators, '')
  const [, whole] = internationalForm.exec(bare) ?? []
  if (whole !== undefined) {
    return whole.length < fewestDigits ? null : { whole: spellings(whole).map(backwards) }
  }
  const [, ending] = nationalForm.exec(bare) ?? []
  if (ending === undefined || ending.length < fewestDigits) return null
  return { ending: backwards(ending) }
}

/** A whole number as senders may write it, the usual way first. */
function spellings(digits: string): string[] {
  return ['+', '', '00', 'tel:+'].map((prefix) => prefix + digits)
}

/** Turns a text round, as `reverse` of Postgres does. */
export function backwards(text: string): string {
  return [...text].reverse().join('')
}
