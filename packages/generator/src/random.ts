/** Random values that can be repeated: the same seed gives the same values on every machine. Not for secrets. */
export interface Random {
  /** At least 0, less than 1. */
  next(): number
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number
  chance(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  hex(digits: number): string
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let result = 0x811c9dc5
  for (let i = 0; i < text.length; i++) result = Math.imul(result ^ text.charCodeAt(i), 0x01000193)
  return result >>> 0
}

/** sfc32 (Chris Doty-Humphrey's small fast counter), seeded by hashes of the given seed. */
export function createRandom(seed: number | string): Random {
  let a = hash(`${seed}/a`)
  let b = hash(`${seed}/b`)
  let c = hash(`${seed}/c`)
  let counter = 1

  function next(): number {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return (sum >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 16; i++) next()

  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick<Item>(items: readonly Item[]): Item {
      return items[int(0, items.length - 1)] as Item
    },
    hex(digits) {
      let text = ''
      while (text.length < digits) text += int(0, 0xfffffff).toString(16).padStart(7, '0')
      return text.slice(0, digits)
    },
  }
}
