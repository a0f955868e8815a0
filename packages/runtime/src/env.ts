import { explainUnreadable, readRegularFileSync } from './regular-file.ts'

/** A setting that stops the start. Its message is one line that names the variable, what it got and what it takes. */
export class ConfigError extends Error {
  readonly code = 'invalid_config'
  override readonly name = 'ConfigError'
}

export interface EnvReader {
  /** A string; required without a default. `choices` lists the only values taken. */
  text(name: string, options?: { default?: string; choices?: readonly string[] }): string
  /** A whole number from `min` to `max`, both included. */
  integer(name: string, options: { default?: number; min: number; max: number }): number
  /** `true` or `false`. */
  flag(name: string, options: { default: boolean }): boolean
  /** A URL of one of `protocols`, such as `redis:`. Its value is treated as a secret: errors do not show it. */
  url(name: string, options: { default?: string; protocols: readonly string[] }): string
  /** Comma-separated values, trimmed, empty ones dropped; unset is `[]`. Lines count as separators too, for files. */
  list(name: string): string[]
  /** Secrets: comma-separated in the variable, one a line in its file; unset is `[]`. Set to none of them is refused. */
  secrets(name: string): string[]
}

/**
 * Reads settings from an environment, each variable also as `NAME_FILE`: the path of a file that holds the
 * value, as container secrets are mounted. An empty value counts as unset, as compose files produce them.
 *
 * @throws ConfigError from each of its functions.
 */
export function createEnvReader(env: NodeJS.ProcessEnv): EnvReader {
  /** The value as it was given, with the path where that was in a file; undefined when it was not. */
  function given(name: string): { text: string; path?: string } | undefined {
    const path = env[`${name}_FILE`]
    if (!path) return env[name] ? { text: env[name] } : undefined
    if (env[name]) throw new ConfigError(`${name} and ${name}_FILE are both set: set one of them`)
    try {
      return { text: readRegularFileSync(path), path }
    } catch (error) {
      const reason = explainUnreadable(error)
      throw new ConfigError(
        `${name}_FILE: cannot read ${JSON.stringify(path)} (${reason}): it takes the path of a readable file`,
      )
    }
  }

  function raw(name: string): string | undefined {
    return given(name)?.text.trim() || undefined
  }

  function missing(name: string, takes: string): ConfigError {
    return new ConfigError(`${name} is not set: it takes ${takes}`)
  }

  return {
    text(name, options = {}) {
      const value = raw(name) ?? options.default
      const takes = options.choices ? `one of ${options.choices.join(', ')}` : 'a text'
      if (value === undefined) throw missing(name, takes)
      if (options.choices && !options.choices.includes(value)) {
        throw new ConfigError(`${name} is ${JSON.stringify(value)}: it takes ${takes}`)
      }
      return value
    },

    integer(name, { default: fallback, min, max }) {
      const value = raw(name)
      const takes = `a whole number from ${min} to ${max}`
      if (value === undefined) {
        if (fallback === undefined) throw missing(name, takes)
        return fallback
      }
      const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN
      if (!(number >= min && number <= max))
        throw new ConfigError(`${name} is ${JSON.stringify(value)}: it takes ${takes}`)
      return number
    },

    flag(name, { default: fallback }) {
      const value = raw(name)?.toLowerCase()
      if (value === undefined) return fallback
      if (value !== 'true' && value !== 'false') {
        throw new ConfigError(`${name} is ${JSON.stringify(value)}: it takes true or false`)
      }
      return value === 'true'
    },

    url(name, { default: fallback, protocols }) {
      const value = raw(name) ?? fallback
      const takes = `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`
      if (value === undefined) throw missing(name, takes)
      if (!URL.canParse(value)) throw new ConfigError(`${name} is not a URL: it takes ${takes}`)
      const { protocol } = new URL(value)
      if (!protocols.includes(protocol)) {
        throw new ConfigError(`${name} begins with "${protocol}": it takes ${takes}`)
      }
      return value
    },

    list(name) {
      return splitTrimmed(raw(name) ?? '', /[,\n]/)
    },

    secrets(name) {
      const value = given(name)
      if (value === undefined) return []
      const { text, path } = value
      const secrets = path === undefined ? splitTrimmed(text, /[,\n]/) : secretsInFile(text)
      // Where no secret stands for "accept anyone", a slip must not.
      if (secrets.length === 0) {
        throw new ConfigError(
          path === undefined
            ? `${name} is set but holds no secret: it takes secrets, separated by commas`
            : `${name}_FILE: ${JSON.stringify(path)} holds no secret: it takes a file with one a line`,
        )
      }
      return secrets
    },
  }
}

/** The secrets in a file of them: one a line, because any other character may be part of one. */
export function secretsInFile(text: string): string[] {
  return splitTrimmed(text, '\n')
}

function splitTrimmed(text: string, separator: string | RegExp): string[] {
  return text
    .split(separator)
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
