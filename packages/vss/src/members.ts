import type { Place } from './places.ts'

/** A JSON object, as JSON.parse returns it. */
export type JsonObject = { readonly [key: string]: unknown }

/** Whether a JSON value is an object, not an array or null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The documented members of one kind of object. */
export interface Shape<Name extends string> {
  readonly names: ReadonlySet<string>
  readonly byLowerCase: ReadonlyMap<string, Name>
}

/** The members that were sent, by their documented names. */
export type Members<Name extends string> = { readonly [Key in Name]?: unknown }

/** Makes a shape of documented names. */
export function createShape<Name extends string>(...names: Name[]): Shape<Name> {
  return { names: new Set(names), byLowerCase: new Map(names.map((name) => [name.toLowerCase(), name])) }
}

/**
 * Reads the documented members of an object. Keys may have any case, because the platform sends `CallA` and
 * `SourceRefId` as well. When one name comes in two spellings, the documented one counts, else the first. Every other
 * member adds the anomaly `unknown_field`.
 *
 * Nearly always all keys are spelled as documented, and the object itself is returned. It may hold other members, even
 * one called `__proto__`. Therefore no member is copied under a key of the sender's, and no documented name is one that
 * objects inherit.
 */
export function readMembers<Name extends string>(
  object: JsonObject,
  shape: Shape<Name>,
  place: Place,
): Members<Name> {
  let respelled: { [Key in Name]?: unknown } | null = null
  for (const key of Object.keys(object)) {
    if (shape.names.has(key)) continue
    const name = shape.byLowerCase.get(key.toLowerCase())
    if (name === undefined || Object.hasOwn(object, name) || (respelled !== null && name in respelled)) {
      place.add('unknown_field', key)
      continue
    }
    respelled ??= {}
    respelled[name] = object[key]
  }
  if (respelled === null) return object as Members<Name>
  for (const name of shape.byLowerCase.values()) {
    if (Object.hasOwn(object, name)) respelled[name] = object[name]
  }
  return respelled
}
