import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max'
import { cached } from './cache.ts'

/** What the numbering plans say about a phone number. Null where they say nothing. */
export interface NumberFacts {
  /** `MOBILE`, `FIXED_LINE`, `FIXED_LINE_OR_MOBILE`, `TOLL_FREE`, `VOIP`, ... */
  readonly type: string | null
  /** ISO 3166-1 alpha-2. Null for plans without a country, such as +800. */
  readonly country: string | null
  /** Digits without `+`. */
  readonly callingCode: string | null
}

const noFacts: NumberFacts = { type: null, country: null, callingCode: null }

const e164Form = /^\+[1-9]\d{6,14}$/

/** Whether a number is written as E.164: `+`, then 7 to 15 digits. */
export function isE164(number: string): boolean {
  return e164Form.test(number)
}

function parseNumber(number: string): NumberFacts {
  const parsed = parsePhoneNumberFromString(number, { extract: false })
  if (parsed === undefined) return noFacts
  return {
    type: parsed.getType() ?? null,
    country: parsed.country ?? null,
    callingCode: parsed.countryCallingCode,
  }
}

/**
 * Type, country and calling code of a number, by libphonenumber's full metadata (the smaller sets cannot tell the
 * type in many countries, Singapore among them). Parsing takes 5 to 15 µs, an event asks several times about each of
 * its numbers, and numbers repeat: hence the cache.
 *
 * @param number with its `+`; any other text has no facts
 */
export const numberFacts: (number: string) => NumberFacts = cached(50_000, parseNumber)

const callingCodes: ReadonlyMap<string, string> = new Map(
  getCountries().map((country: CountryCode) => [country, getCountryCallingCode(country)]),
)

/** @returns the calling code (digits without `+`) of an ISO 3166-1 alpha-2 country, or null when it is not known */
export function callingCodeOf(country: string): string | null {
  return callingCodes.get(country) ?? null
}
