import { isUuid } from '@vss-pipeline/delivery'
import type { Anomaly } from './model.ts'
import { readTimestamp } from './time.ts'

/**
 * Readers of single values: each takes any JSON value and returns what a column can hold, or null.
 * A column must not refuse what they return: Postgres takes no NUL and no lone surrogate in text, no integer
 * beyond 32 bits, and no `real` that overflows or vanishes.
 */
export type ValueReader<Value> = (value: unknown) => Value | null

/** The longest text that each kind of column takes, in UTF-16 units. */
export const textLimits = { reference: 255, number: 64, message: 2000, word: 64 } as const

const smallestInt4 = -2_147_483_648
const largestInt4 = 2_147_483_647

const jsonNumberForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const countryForm = /^[A-Za-z]{2}$/

/** Whether a member is one of the three spellings of nothing: absent, JSON null, or the text `null`. */
export function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === 'null')
}

/** Reads an optional member: nothing is null; so is a value that cannot be used, with the anomaly `invalid_value`. */
export function optional<Value>(
  value: unknown,
  read: ValueReader<Value>,
  anomalies: Set<Anomaly>,
): Value | null {
  if (isNothing(value)) return null
  const result = read(value)
  if (result === null) anomalies.add('invalid_value')
  return result
}

/** @returns whether a column takes the text: 1 to `maxLength` UTF-16 units, no NUL, no lone surrogate */
export function isStorableText(text: string, maxLength: number): boolean {
  return text.length > 0 && text.length <= maxLength && !text.includes('\0') && text.isWellFormed()
}

function textReader(maxLength: number): ValueReader<string> {
  return function toText(value) {
    // Judged before trimming, too: a slice keeps the whole text in memory, and numbers are cached.
    if (typeof value !== 'string' || value.length > maxLength) return null
    const text = value.trim()
    return isStorableText(text, maxLength) ? text : null
  }
}

/** Ids and reference ids. */
export const toReference = textReader(textLimits.reference)
/** Phone numbers. */
export const toPhoneNumber = textReader(textLimits.number)
/** Messages written for people. */
export const toMessage = textReader(textLimits.message)
/** Statuses, actions, directions, types, formats. */
export const toWord = textReader(textLimits.word)

/** Numbers come as JSON numbers and, now and then, as texts that hold one. */
function toNumber(value: unknown): number | null {
  const number = typeof value === 'string' && jsonNumberForm.test(value.trim()) ? Number(value) : value
  // Adding zero turns -0 into 0, which no column tells apart. JSON's 1e400 is read as Infinity.
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

/** Two letters, in upper case. Whether there is such a country is not for the reader to say. */
export function toCountry(value: unknown): string | null {
  const text = typeof value === 'string' ? value.trim() : ''
  return countryForm.test(text) ? text.toUpperCase() : null
}

/**
 * Reads a word of a documented vocabulary. The canonical spelling is upper case with `_` between words
 * (`no answer` is `NO_ANSWER`, and the documented `makeCall` is `MAKE_CALL`). A word that is not in the vocabulary is kept as sent, with the given anomaly.
 */
export function knownWord(
  value: unknown,
  vocabulary: ReadonlySet<string>,
  unknown: Anomaly,
  anomalies: Set<Anomaly>,
): string | null {
  const word = optional(value, toWord, anomalies)
  if (word === null || vocabulary.has(word)) return word
  const canonical = word
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .replace(/[\s-]+/g, '_')
  if (vocabulary.has(canonical)) return canonical
  anomalies.add(unknown)
  return word
}
