import { describe, expect, test } from 'vitest'
import { cached } from './cache.ts'

describe('cached', () => {
  function counted(capacity: number) {
    const computed: string[] = []
    const lookUp = cached(capacity, (key) => {
      computed.push(key)
      return { key }
    })
    return { computed, lookUp }
  }

  test('computes a key once while it is in use', () => {
    const { computed, lookUp } = counted(4)
    for (const key of ['hot', 'a', 'hot', 'b', 'hot', 'c', 'hot', 'd', 'hot']) lookUp(key)
    expect(computed).toEqual(['hot', 'a', 'b', 'c', 'd'])
  })

  test('forgets keys that were not asked for while others came', () => {
    const { computed, lookUp } = counted(4)
    for (const key of ['a', 'b', 'c', 'd', 'e', 'a']) lookUp(key)
    expect(computed).toEqual(['a', 'b', 'c', 'd', 'e', 'a'])
  })

  test('returns the value of its key', () => {
    const { lookUp } = counted(2)
    expect(['a', 'b', 'a', 'c'].map((key) => lookUp(key).key)).toEqual(['a', 'b', 'a', 'c'])
  })
})
