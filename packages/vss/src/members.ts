import type { Anomaly } from './model.ts'

/** An object as JSON.parse makes it. */
export type JsonObject = { readonly [key: string]: unknown }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The members that one kind of object is documented to have. */
export interface Shape<Name extends string> {
  readonly names: ReadonlySet<string>
  readonly byLowerCase: ReadonlyMap<string, Name>
}

export type Members<Name extends string> = { readonly [Key in Name]?: unknown }

export function createShape<Name extends string>(...names: Name[]): Shape<Name> {
  return { names: new Set(names), byLowerCase: new Map(names.map((name) => [name.toLowerCase(), name])) }
}

/**
 * The documented members of an object under their canonical names, whatever case their keys have: the platform
 * sends `CallA` and `SourceRefId` as well. Where two spellings of a name meet, the canonical one counts, else the
 * first. Every other member adds the anomaly `unknown_field`.
 *
 * Almost always the keys are canonical and the object itself is the answer. It may hold other members as well, even
 * one called `__proto__`: so nothing is ever copied by the sender's keys, and no name is one that objects inherit.
 */
export function readMembers<Name extends string>(
  object: JsonObject,
  shape: Shape<Name>,
  anomalies: Set<Anomaly>,
): Members<Name> {
  let respelled: { [Key in Name]?: unknown } | null = null
  for (const key of Object.keys(object)) {
    if (shape.names.has(key)) continue
    const name = shape.byLowerCase.get(key.toLowerCase())
    if (name === undefined || Object.hasOwn(object, name) || (respelled !== null && name in respelled)) {
      anomalies.add('unknown_field')
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
