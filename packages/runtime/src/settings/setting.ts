import type { Program } from './programs.ts'
import type { Kind } from './variable.ts'

/** A row of the table: a setting that is one variable of the environment. */
export interface Setting<Value> {
  readonly kind: Kind<Value>
  /** The value where it is not set, for all programs or by program. A program without a default needs it to start. */
  readonly default?: Default<Value> | { readonly [program in Program]?: Default<Value> }
  readonly readBy: readonly Program[]
  /** Sentences for operators, with the unit of a number. */
  readonly help: string
}

export type AnySetting =
  | Setting<string>
  | Setting<number>
  | Setting<boolean>
  | Setting<readonly string[]>
  | Setting<Readonly<Record<string, string>>>

type Default<Value> = Value | SameAs | None

/** The value of another setting that the same programs read. */
export interface SameAs {
  readonly sameAs: string
}

/** No value: the program works without, or finds one itself. The words say so to operators: "default: no spool". */
export interface None {
  readonly none: string
}

export function sameAs(name: string): SameAs {
  return { sameAs: name }
}

export function none(words: string): None {
  return { none: words }
}

/** The default that a program has for a setting; undefined where the setting is required. */
export function defaultFor(setting: AnySetting, program: Program): Default<unknown> | undefined {
  const { default: given } = setting
  const isForEachProgram =
    typeof given === 'object' && !Array.isArray(given) && !isSameAs(given) && !isNone(given)
  return isForEachProgram ? (given as { [program in Program]?: unknown })[program] : given
}

export function isSameAs(value: unknown): value is SameAs {
  return typeof value === 'object' && value !== null && 'sameAs' in value
}

export function isNone(value: unknown): value is None {
  return typeof value === 'object' && value !== null && 'none' in value
}
