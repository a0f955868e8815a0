import { expect, test } from 'vitest'
import { readContext } from './context.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('a context comes back as it was', () => {
  const context = { source: 'import', traceparent }
  expect(readContext(context)).toEqual(context)
})

test.each([
  ['a member of a later release', { traceparent, later: 7 }],
  ['a source of a later release', { traceparent, source: 'later' }],
  ['a source that is not a text', { traceparent, source: { source: 'import' } }],
])('%s is left out', (_, stored) => {
  expect(readContext(stored)).toEqual({ traceparent })
})

test.each([
  undefined,
  null,
  7,
  'import',
  {},
  [],
  { traceparent: 'x' },
  { traceparent: traceparent.repeat(9) },
])('%j is no context', (stored) => {
  expect(readContext(stored)).toBeUndefined()
})
