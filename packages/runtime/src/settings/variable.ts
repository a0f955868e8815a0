import { explainUnreadable, readRegularFileSync } from '../regular-file.ts'
import { ConfigError } from './config-error.ts'

/** A value as the operator gave it. */
export interface Given {
  /** The variable or the option that it came from. Errors name it. */
  name: string
  text: string
  /** The path of its file, where it was given as `NAME_FILE`. */
  path?: string
}

/** A kind of value: how a text becomes one. `kinds.ts` has all kinds. */
export interface Kind<Value> {
  /** Ends the sentences of errors and help: "it takes *a whole number from 0 to 65535*". */
  readonly takes: string
  /** The value; undefined for a text that counts as unset. @throws ConfigError */
  read(given: Given): Value | undefined
}

/**
 * Reads a variable, which may also be given as `NAME_FILE`: the path of a file that holds the value, as container
 * secrets are mounted. An empty value counts as unset, as compose files produce them.
 *
 * @returns undefined when it is unset.
 * @throws ConfigError
 */
export function readVariable<Value>(
  env: NodeJS.ProcessEnv,
  name: string,
  kind: Kind<Value>,
): Value | undefined {
  const given = findGiven(env, name)
  return given && kind.read(given)
}

/** As {@link readVariable}. @throws ConfigError also when it is unset. */
export function requireVariable<Value>(env: NodeJS.ProcessEnv, name: string, kind: Kind<Value>): Value {
  const value = readVariable(env, name, kind)
  if (value === undefined) throw new ConfigError(`${name} is not set: it takes ${kind.takes}`)
  return value
}

function findGiven(env: NodeJS.ProcessEnv, name: string): Given | undefined {
  const text = env[name]
  const path = env[`${name}_FILE`]
  if (!path) return text ? { name, text } : undefined
  if (text) throw new ConfigError(`${name} and ${name}_FILE are both set: set one of them`)
  try {
    return { name, text: readRegularFileSync(path), path }
  } catch (error) {
    const reason = explainUnreadable(error)
    throw new ConfigError(
      `${name}_FILE: cannot read ${JSON.stringify(path)} (${reason}): it takes the path of a readable file`,
    )
  }
}
