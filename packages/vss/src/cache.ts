/**
 * Makes a cache of computed values, which forgets keys by generations: it drops a key that was not asked for while
 * `capacity / 2` other keys came. Dropping keys one by one would be slow, because the search for a large Map's oldest
 * key walks over the deleted ones.
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

/** Copies a text. A text that trim() or slice() cut out of another keeps the whole other text in memory. */
function detached(text: string): string {
  return `${text} `.slice(0, -1)
}
