import { parsePhoneNumberFromString } from 'libphonenumber-js/max'
import type { Random } from './random.ts'

export interface Subscriber {
  /** E.164. */
  readonly number: string
  /** ISO 3166-1 alpha-2. */
  readonly country: string
}

/** The countries of the subscribers, with patterns of mobile and fixed numbers. `#` is any digit. */
const numberPlans = [
  { country: 'SG', mobile: '+659#######', fixed: '+656#######' },
  { country: 'ID', mobile: '+62812########', fixed: '+6221########' },
  { country: 'PH', mobile: '+63917#######', fixed: '+632########' },
  { country: 'TH', mobile: '+668########', fixed: '+662#######' },
  { country: 'MY', mobile: '+6012#######', fixed: '+603########' },
  { country: 'VN', mobile: '+849########', fixed: '+8424########' },
  { country: 'AU', mobile: '+614########', fixed: '+612########' },
  { country: 'GB', mobile: '+447#########', fixed: '+4420########' },
  { country: 'US', mobile: '+1415#######', fixed: '+1212#######' },
] as const

/** ISO 3166-1 alpha-2. */
export const countries = numberPlans.map(({ country }) => country)

function validNumber(random: Random, pattern: string, country: string): string {
  for (;;) {
    const number = pattern.replace(/#/g, () => String(random.int(0, 9)))
    const parsed = parsePhoneNumberFromString(number)
    if (parsed?.isValid() === true && parsed.country === country) return number
  }
}

/**
 * Makes subscribers with numbers that libphonenumber calls valid. A run makes them once and then draws from them,
 * because checking a number takes longer than making an event.
 */
export function createSubscribers(random: Random, kind: 'mobile' | 'fixed', count: number): Subscriber[] {
  return Array.from({ length: count }, () => {
    const plan = random.pick(numberPlans)
    return { number: validNumber(random, plan[kind], plan.country), country: plan.country }
  })
}
