import { expect, test } from 'vitest'
import { commandToGoOn } from './go-on.ts'

const since = '2026-03-01T09:30:00.123Z'

test('it repeats the selection, begins where the run has stopped, and names no database', () => {
  expect(
    commandToGoOn(
      {
        databaseUrl: 'postgres://vss_operator:geheim@localhost/vss',
        since: new Date(0),
        until: new Date('2026-03-02T00:00:00.000Z'),
        outcome: 'rejected',
        reason: 'invalid_field',
        rate: 500,
        yes: true,
        json: true,
      },
      since,
    ),
  ).toBe(
    `vss reprocess --since ${since} --until 2026-03-02T00:00:00.000Z --outcome rejected --reason invalid_field --rate 500 --yes --json`,
  )
  expect(commandToGoOn({}, since)).toBe(`vss reprocess --since ${since}`)
})

test('a value that a shell would take apart is quoted', () => {
  expect(commandToGoOn({ writtenBy: "1.0 'beta'" }, since)).toBe(
    `vss reprocess --since ${since} --written-by '1.0 '\\''beta'\\'''`,
  )
})
