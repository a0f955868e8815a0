import { expect, test } from 'vitest'
import { boolean, integer, list, literal, object, orNull, record, type Shape, text } from './shape.ts'

const pair = object({ a: integer({ max: 9 }), b: orNull(boolean) })

test.each<[string, Shape<unknown>, unknown[], unknown[]]>([
  ['text', text({ min: 1, max: 3 }), ['a', 'abc'], ['', 'abcd', 1, null, undefined, ['a']]],
  [
    'integer',
    integer({ max: 9 }),
    [0, 9],
    [-1, 10, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null, [1]],
  ],
  ['literal', literal('x'), ['x'], ['y', '', null]],
  ['list', list(boolean, { most: 2 }), [[], [true, false]], [[1], [true, true, true], {}, null, 'ab']],
  ['record', record(/^[a-z]{1,3}$/, boolean), [{}, { a: true }], [{ A: true }, { a: 1 }, [], null]],
  [
    'object',
    pair,
    [
      { a: 1, b: null },
      { a: 1, b: true, c: 'more' },
    ],
    [{ a: 1 }, { b: null }, [], null, 'a'],
  ],
])('%s lets its values pass, and no others', (_, shape, passing, failing) => {
  expect(passing.map(shape)).toEqual(passing.map(() => true))
  expect(failing.map(shape)).toEqual(failing.map(() => false))
})

test('a member that an object only inherits is missing', () => {
  const hostile: unknown = JSON.parse('{"__proto__": {"a": 1, "b": null}}')
  expect(pair(hostile)).toBe(false)
  expect(pair(Object.create({ a: 1, b: null }))).toBe(false)
})
