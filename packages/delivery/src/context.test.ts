import { expect, test } from 'vitest'
import { readContext, readTraceparent, traceOf } from './context.ts'

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
  { traceparent: traceparent.replace(/^00/, 'ff') },
  { traceparent: traceparent.replace(/[\da-f]{32}/, '0'.repeat(32)) },
  { traceparent: traceparent.replace(/-[\da-f]{16}-/, `-${'0'.repeat(16)}-`) },
])('%j is no context', (stored) => {
  expect(readContext(stored)).toBeUndefined()
})

test.each([
  ['a list', [traceparent]],
  ['capitals', traceparent.toUpperCase()],
  ['blanks around it', ` ${traceparent}`],
  ['a line break behind it', `${traceparent}\n`],
  ['two of them', `${traceparent}, ${traceparent}`],
])('%s is no traceparent', (_, value) => {
  expect(readTraceparent(value)).toBeUndefined()
})

test('a log line names the trace of a delivery that has one', () => {
  expect(traceOf({ context: { traceparent } })).toEqual({ trace_id: '0af7651916cd43dd8448eb211c80319c' })
  expect(traceOf({ context: { source: 'import' } })).toEqual({})
  expect(traceOf({})).toEqual({})
})
