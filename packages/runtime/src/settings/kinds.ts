import { isIP } from 'node:net'
import { isLoopback } from '../loopback.ts'
import { ConfigError } from './config-error.ts'
import type { Kind } from './variable.ts'

/** Any text. `takes` tells operators which texts make sense. */
export function text(takes = 'a text'): Kind<string> {
  return trimmed(takes, (value) => value)
}

/** One of a few texts. */
export function oneOf(...choices: string[]): Kind<string> {
  return trimmed(`one of ${choices.join(', ')}`, (value, refuse) =>
    choices.includes(value) ? value : refuse(),
  )
}

/** A whole number from `min` to `max`, both included. */
export function integer({ min, max }: { min: number; max: number }): Kind<number> {
  return trimmed(`a whole number from ${min} to ${max}`, (value, refuse) => {
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    return number >= min && number <= max ? number : refuse()
  })
}

/** A number from 0 to 1, both included. */
export function share(): Kind<number> {
  return trimmed('a number from 0 to 1', (value, refuse) => {
    const number = /^\d(\.\d{1,15})?$/.test(value) ? Number(value) : Number.NaN
    return number <= 1 ? number : refuse()
  })
}

/** `true` or `false`, in capitals too. */
export function flag(): Kind<boolean> {
  return trimmed('true or false', (value, refuse) => {
    const lower = value.toLowerCase()
    return lower === 'true' || lower === 'false' ? lower === 'true' : refuse(lower)
  })
}

/** `1` is true, and every other text false. */
export function one(): Kind<boolean> {
  return trimmed('1, or anything else for no', (value) => value === '1')
}

/** A URL of one of `protocols`, such as `redis:`. It may hold a password: errors do not show it. */
export function url(...protocols: string[]): Kind<string> {
  const takes = `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`
  return trimmed(takes, (value, _refuse, name) => {
    if (!URL.canParse(value)) throw new ConfigError(`${name} is not a URL: it takes ${takes}`)
    const { protocol } = new URL(value)
    if (!protocols.includes(protocol)) {
      throw new ConfigError(`${name} begins with "${protocol}": it takes ${takes}`)
    }
    return value
  })
}

/**
 * The address of an API that gets a key with every request: over HTTPS, or on this machine. It may have a path, and is
 * given without a slash at its end. Errors do not show it, because somebody may have put a password into it.
 */
export function apiAddress(): Kind<string> {
  const takes = 'a URL that begins with https://, or with http:// on this machine'
  return trimmed(takes, (value, _refuse, name) => {
    const address = URL.canParse(value) ? new URL(value) : undefined
    const isSafe =
      address?.protocol === 'https:' || (address?.protocol === 'http:' && isLoopback(address.hostname))
    if (address === undefined || !isSafe)
      throw new ConfigError(`${name} is no such address: it takes ${takes}`)
    if (address.username + address.password + address.search + address.hash !== '') {
      throw new ConfigError(`${name} has more than a host and a path: it takes ${takes}`)
    }
    return address.href.replace(/\/$/, '')
  })
}

/** The name of a request header, in lower case as Node has them. */
export function headerName(): Kind<string> {
  return trimmed('the name of a request header', (value, refuse) => {
    const lower = value.toLowerCase()
    return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower) ? lower : refuse(lower)
  })
}

/** Addresses and ranges of them, separated by commas. */
export function addresses(): Kind<string[]> {
  const takes = 'addresses or CIDRs, such as 203.0.113.7 or 203.0.113.0/24'
  return trimmed(takes, (value, _refuse, name) => {
    const ranges = splitList(value)
    const wrong = ranges.find((range) => !isAddressRange(range))
    if (wrong !== undefined) throw new ConfigError(`${name} has ${JSON.stringify(wrong)}: it takes ${takes}`)
    return ranges
  })
}

/** Names with values, in the form of OpenTelemetry's variables. A value may be a secret: errors show none. */
export function pairs(): Kind<Record<string, string>> {
  const takes = 'name=value, separated by commas'
  return trimmed(takes, (value, _refuse, name) =>
    Object.fromEntries(
      splitList(value).map((pair) => {
        const [, key = '', written = ''] = /^([^=\s]+)\s*=\s*(.*)$/s.exec(pair) ?? []
        const text = decodePercent(written)
        if (key !== '' && text !== undefined) return [key, text]
        throw new ConfigError(`${name} has a part that is not readable: it takes ${takes}`)
      }),
    ),
  )
}

function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/**
 * Secrets: separated by commas in the variable, one a line in its file. A variable that is set but holds no secret is
 * refused, because ingest accepts anyone where there is no secret. Errors show no secret.
 */
export function secrets(): Kind<string[]> {
  const takes = 'secrets, separated by commas'
  return {
    takes,
    read({ name, text, path }) {
      const found = path === undefined ? splitList(text) : secretsInFile(text)
      if (found.length > 0) return found
      throw new ConfigError(
        path === undefined
          ? `${name} is set but holds no secret: it takes ${takes}`
          : `${name}_FILE: ${JSON.stringify(path)} holds no secret: it takes a file with one a line`,
      )
    },
  }
}

/** The secrets in their file: one a line, because any other character may be part of a secret. */
export function secretsInFile(text: string): string[] {
  return splitTrimmed(text, '\n')
}

/**
 * A kind that ignores blanks around a value, and takes a value of blanks alone for unset.
 *
 * @param parse gives the value. Its `refuse(shown)` throws an error that shows the given text, for values that are no
 *   secret. Its `name` is for errors that it makes itself.
 */
function trimmed<Value>(
  takes: string,
  parse: (value: string, refuse: (shown?: string) => never, name: string) => Value,
): Kind<Value> {
  return {
    takes,
    read({ name, text }) {
      const value = text.trim()
      if (value === '') return undefined
      function refuse(shown = value): never {
        throw new ConfigError(`${name} is ${JSON.stringify(shown)}: it takes ${takes}`)
      }
      return parse(value, refuse, name)
    },
  }
}

function isAddressRange(range: string): boolean {
  const [address = '', prefix, ...more] = range.split('/')
  // A zone (fe80::1%eth0) has a meaning on this machine only.
  const family = address.includes('%') ? 0 : isIP(address)
  const bits = prefix === undefined || /^\d{1,3}$/.test(prefix) ? Number(prefix ?? 0) : Number.NaN
  return family !== 0 && more.length === 0 && bits <= (family === 4 ? 32 : 128)
}

/** Line breaks separate too, for values in files. */
function splitList(text: string): string[] {
  return splitTrimmed(text, /[,\n]/)
}

function splitTrimmed(text: string, separator: string | RegExp): string[] {
  return text
    .split(separator)
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
