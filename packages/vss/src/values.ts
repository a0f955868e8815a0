import { isUuid } from '@vss-pipeline/delivery'
import type { Anomaly } from './model.ts'
import type { Place } from './places.ts'
import { readTimestamp } from './time.ts'

/**
 * Reads a single JSON value of any kind. It returns a value that its column can hold, or null: Postgres refuses NUL and
 * lone surrogates in text, integers beyond 32 bits, and a `real` that overflows or vanishes.
 */
export type ValueReader<Value> = (value: unknown) => Value | null

/** The longest text that each kind of column takes, in UTF-16 units. */
export const textLimits = { reference: 255, number: 255, message: 2000, word: 64 } as const

const smallestInt4 = -2_147_483_648
const largestInt4 = 2_147_483_647

const jsonNumberForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const countryForm = /^[A-Za-z]{2}$/

/** Whether a member has no value. The platform leaves it out, sends JSON null, or sends the text `null`. */
export function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === 'null')
}

/**
 * Reads an optional member. One without a value is null. So is an unusable value, with the anomaly `invalid_value`.
 *
 * @param place the object that has the member
 * @param name the member's documented name
 */
export function optional<Value>(
  value: unknown,
  read: ValueReader<Value>,
  place: Place,
  name: string,
): Value | null {
  if (isNothing(value)) return null
  const result = read(value)
  if (result === null) place.add('invalid_value', name)
  return result
}

/** Whether a column takes the text: 1 to `maxLength` UTF-16 units, no NUL, no lone surrogate. */
export function isStorableText(text: string, maxLength: number): boolean {
  return text.length > 0 && text.length <= maxLength && !text.includes('\0') && text.isWellFormed()
}

function textReader(maxLength: number): ValueReader<string> {
  return function toText(value) {
    // The length counts before trimming too: a trimmed text keeps the whole text in memory.
    if (typeof value !== 'string' || value.length > maxLength) return null
    const text = value.trim()
    return isStorableText(text, maxLength) ? text : null
  }
}

/** Ids and reference ids. */
export const toReference = textReader(textLimits.reference)
/** Messages written for people. */
export const toMessage = textReader(textLimits.message)
/** Statuses, actions, directions, types, formats. */
export const toWord = textReader(textLimits.word)

const toNumberText = textReader(textLimits.number)

/**
 * Phone numbers and SIP addresses. A JSON integer is kept as its digits; one beyond 2^53 has lost some when it was parsed.
 */
export function toPhoneNumber(value: unknown): string | null {
  if (typeof value !== 'number') return toNumberText(value)
  return Number.isSafeInteger(value) && value >= 0 ? String(value) : null
}

/** Reads a JSON number, or a text that holds one: the platform sends both. */
function toNumber(value: unknown): number | null {
  const number = typeof value === 'string' && jsonNumberForm.test(value.trim()) ? Number(value) : value
  // Adding zero turns -0 into 0: a column holds them as one. JSON.parse reads 1e400 as Infinity.
  return typeof number === 'number' && Number.isFinite(number) ? number + 0 : null
}

function integerReader(min: number): ValueReader<number> {
  return function toInteger(value) {
    const number = toNumber(value)
    return number !== null && Number.isInteger(number) && number >= min && number <= largestInt4
      ? number
      : null
  }
}

/** Codes and versions. */
export const toInteger = integerReader(smallestInt4)
/** Durations and counts. */
export const toCount = integerReader(0)

/** A number within the range of Postgres `real`. */
export function toReal(value: unknown): number | null {
  const number = toNumber(value)
  if (number === null || number === 0) return number
  const stored = Math.fround(number)
  return stored !== 0 && Number.isFinite(stored) ? number : null
}

/** Milliseconds since the Unix epoch. */
export function toTimestamp(value: unknown): number | null {
  return typeof value === 'string' ? readTimestamp(value.trim()) : null
}

/** A UUID in lower case. */
export function toUuid(value: unknown): string | null {
  const text = typeof value === 'string' ? value.trim() : ''
  return isUuid(text) ? text.toLowerCase() : null
}

/** A country code: two letters, in upper case. The country need not exist. */
export function toCountry(value: unknown): string | null {
  const text = typeof value === 'string' ? value.trim() : ''
  return countryForm.test(text) ? text.toUpperCase() : null
}

/**
 * Reads a word of a documented vocabulary. The canonical spelling is upper case with `_` between words: `no answer` is
 * read as `NO_ANSWER`, and the documented `makeCall` as `MAKE_CALL`. Any other word is kept as sent and adds the anomaly
 * that `unknown` gives.
 */
export function knownWord(
  value: unknown,
  vocabulary: ReadonlySet<string>,
  unknown: Anomaly,
  place: Place,
  name: string,
): string | null {
  const word = optional(value, toWord, place, name)
  if (word === null || vocabulary.has(word)) return word
  const canonical = word
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .replace(/[\s-]+/g, '_')
  if (vocabulary.has(canonical)) return canonical
  place.add(unknown, name)
  return word
}
