/**
 * A cache that forgets whole generations: what was not asked for while `capacity / 2` other keys came by is
 * dropped. Deleting single keys from a large Map is slow, because each look for the oldest walks over the deleted.
 */
export function cached<Value>(capacity: number, compute: (key: string) => Value): (key: string) => Value {
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()
  return function lookUp(key) {
    const known = young.get(key)
    if (known !== undefined) return known
    const value = old.get(key) ?? compute(key)
    if (young.size >= capacity / 2) {
      old = young
      young = new Map()
    }
    young.set(detached(key), value)
    return value
  }
}

/** The same text on its own: one that was cut out of another, by trim() for example, keeps all of that in memory. */
function detached(text: string): string {
  return `${text} `.slice(0, -1)
}
