import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max'
import { cached } from './cache.ts'

/** Facts about a phone number. The numbering plans tell nothing of one that is not valid: those facts are null. */
export interface NumberFacts {
  /** Whether it is written as E.164: `+`, then 7 to 15 digits. */
  readonly isE164: boolean
  /** `MOBILE`, `FIXED_LINE`, `FIXED_LINE_OR_MOBILE`, `TOLL_FREE`, `VOIP`, ... Never null for a valid number. */
  readonly type: string | null
  /** ISO 3166-1 alpha-2. Null for plans without a country, such as +800. */
  readonly country: string | null
  /** Digits without `+`. */
  readonly callingCode: string | null
}

const noFacts: NumberFacts = { isE164: false, type: null, country: null, callingCode: null }

const e164Form = /^\+[1-9]\d{6,14}$/
const msisdnForm = /^[1-9]\d{6,14}$/

/** The longest text that is looked up. The cache keeps its keys, and a SIP address may be four times as long. */
const longestNumber = 64

/** Whether a number lacks only its `+`, and its format does not say that it is something else. */
function isMsisdn(number: string, format: string | null): boolean {
  return msisdnForm.test(number) && (format === null || format.toUpperCase() === 'MSISDN')
}

function parseNumber(number: string): NumberFacts {
  const parsed = parsePhoneNumberFromString(number, { extract: false })
  const isE164 = e164Form.test(number)
  // The full metadata have types for every plan: a number without a type is not valid.
  const type = parsed?.getType()
  if (parsed === undefined || type === undefined) return { ...noFacts, isE164 }
  return { isE164, type, country: parsed.country ?? null, callingCode: parsed.countryCallingCode }
}

const parseCached = cached(50_000, parseNumber)

/**
 * Finds the type, country and calling code of a valid number with libphonenumber's full metadata. The smaller sets of
 * metadata cannot tell the type in many countries, such as Singapore.
 *
 * The results are cached: parsing takes 5 to 15 µs, each number of an event is asked about several times, and events
 * share numbers.
 *
 * @param number with its `+`, or digits alone when they are an MSISDN. Any other text has no facts
 * @param format the format that was sent with it; null when none was sent, which is taken for MSISDN
 */
export function numberFacts(number: string, format: string | null): NumberFacts {
  if (number.length > longestNumber) return noFacts
  const facts = parseCached(number)
  if (facts.isE164 || !isMsisdn(number, format)) return facts
  return { ...parseCached(`+${number}`), isE164: false }
}

/** Kosovo had numbers in these plans before it got 383. They are in use, but the metadata have dropped most of them. */
const formerKosovoCodes = ['377', '381', '386']

/** Whether a number may be one of Kosovo's in the plan of another country. */
export function isFormerKosovoNumber(number: string, country: string | null): boolean {
  return country === 'XK' && formerKosovoCodes.some((code) => number.startsWith(`+${code}`))
}

const callingCodes: ReadonlyMap<string, readonly string[]> = new Map(
  getCountries().map((country: CountryCode) => {
    const code = getCountryCallingCode(country)
    return [country, country === 'XK' ? [code, ...formerKosovoCodes] : [code]]
  }),
)

/** @returns the calling codes (digits without `+`) of an ISO 3166-1 alpha-2 country; none when it is not known */
export function callingCodesOf(country: string): readonly string[] {
  return callingCodes.get(country) ?? []
}
