/**
 * Checks of what another process has written. typebox does the same, and takes 8 MB of every program that reads reports,
 * such as the console.
 */
export type Shape<Value> = (value: unknown) => value is Value

/** The type of the values that a shape lets pass. */
export type ValueOf<Of> = Of extends Shape<infer Value> ? Value : never

/** A text of so many UTF-16 units. */
export function text({ min = 0, max }: { min?: number; max: number }): Shape<string> {
  return (value): value is string => typeof value === 'string' && value.length >= min && value.length <= max
}

/** A whole number from 0 on. */
export function integer({ max }: { max: number }): Shape<number> {
  return (value): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max
}

export const boolean: Shape<boolean> = (value): value is boolean => typeof value === 'boolean'

export function literal<const Word extends string>(word: Word): Shape<Word> {
  return (value): value is Word => value === word
}

export function orNull<Value>(shape: Shape<Value>): Shape<Value | null> {
  return (value): value is Value | null => value === null || shape(value)
}

export function list<Value>(shape: Shape<Value>, { most }: { most: number }): Shape<Value[]> {
  return (value): value is Value[] => Array.isArray(value) && value.length <= most && value.every(shape)
}

/** Members whose names are not known before. */
export function record<Value>(name: RegExp, shape: Shape<Value>): Shape<Record<string, Value>> {
  return (value): value is Record<string, Value> =>
    isObject(value) && Object.entries(value).every(([key, member]) => name.test(key) && shape(member))
}

/** An object with these members, and any others. */
export function object<const Shapes extends Record<string, Shape<unknown>>>(
  shapes: Shapes,
): Shape<{ [Name in keyof Shapes]: ValueOf<Shapes[Name]> }> {
  return (value): value is { [Name in keyof Shapes]: ValueOf<Shapes[Name]> } =>
    isObject(value) &&
    Object.entries(shapes).every(([name, shape]) => Object.hasOwn(value, name) && shape(value[name]))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
