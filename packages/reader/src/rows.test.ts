import { expect, test } from 'vitest'
import { jsonRowReader } from './rows.ts'

const read = jsonRowReader({
  leg: { type: 'text', from: 'leg' },
  initiatedAtMs: { type: 'timestamptz', from: 'leg' },
})

test.each([
  ['2024-03-25T06:01:28+00:00', '2024-03-25T06:01:28.000Z'],
  ['2024-03-25T06:01:28.25+00:00', '2024-03-25T06:01:28.250Z'],
  ['2024-03-25T06:01:28.123987+00:00', '2024-03-25T06:01:28.123Z'],
  ['2024-03-25T14:01:28.5+08:00', '2024-03-25T06:01:28.500Z'],
  [null, null],
])('the time %s of JSON is read as %s', (time, initiatedAt) => {
  expect(read(['A', time])).toEqual({ leg: 'A', initiatedAt })
})
