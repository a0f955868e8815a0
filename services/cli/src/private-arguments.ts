import { isUuid } from '@vss-pipeline/delivery'

/** Digits as people write a phone number, from seven on: a local number has as many. */
const phoneNumber = /\+?\(?\d(?:[\s\-.()/]*\d){6,}/g

/** A date is written with digits and hyphens as well. */
const dateOrTime = /^\d{4}-\d\d(-\d\d)?([T ]|$)/

/** User name and password of a URL. */
const credentials = /\/\/[^/?#]*@/g

/**
 * Hides in an error what it repeats of private arguments: phone numbers, where one was given in the place of a command or
 * an option, and the password of a URL. Errors end in logs, and arguments need not.
 */
export function hidePrivate(text: string, args: readonly string[]): string {
  return args
    .map((given) => ({ given, shown: withoutPrivate(given) }))
    .filter(({ given, shown }) => given !== shown)
    .sort((one, other) => other.given.length - one.given.length)
    .reduce((hidden, { given, shown }) => hidden.replaceAll(given, shown), text)
}

function withoutPrivate(argument: string): string {
  const [, option = '', value = ''] = /^(--?[a-z-]+=)?(.*)$/is.exec(argument) ?? []
  if (isUuid(value) || dateOrTime.test(value)) return argument
  return option + value.replace(credentials, '//…@').replace(phoneNumber, '…')
}
