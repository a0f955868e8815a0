import { expect, test } from 'vitest'
import { filtersOfCell, readFilters, toAddress, toSearch } from './session-filters.ts'

const nowMs = Date.parse('2026-03-01T12:00:30Z')
const id = '1f048a84-ea6d-11ee-911b-078f7290bf52'

function searchOf(fields: Record<string, string>) {
  return toSearch(readFilters(fields), nowMs)
}

test.each([
  [{ find: '+1 202 555 0123' }, { number: { whole: expect.arrayContaining(['32105552021+']) } }],
  [{ find: '0123' }, { number: { ending: '3210' } }],
  [{ find: '0123', as: 'own' }, { virtualNumber: { ending: '3210' } }],
  [{ find: '0123', as: 'request' }, { clientRequestId: '0123' }],
  [{ find: 'order-7' }, { clientRequestId: 'order-7' }],
  [{ find: id.toUpperCase() }, { callId: id }],
  [{}, { since: new Date('2026-02-28T12:01:00Z') }],
  [{ span: 'any', status: 'BUSY' }, { statuses: ['BUSY'] }],
  [
    { since: '2026-03-01T09:30', until: '2026-03-01T10:00:05' },
    { since: new Date('2026-03-01T09:30:00Z'), until: new Date('2026-03-01T10:00:05Z') },
  ],
  [
    { span: 'hour', account: 'acme', anomaly: 'no_legs', route: 'SG-ID' },
    {
      since: new Date('2026-03-01T11:01:00Z'),
      subAccountId: 'acme',
      anomaly: 'no_legs',
      countryPair: 'SG-ID',
    },
  ],
])('the fields %j are a search', (fields, search) => {
  expect(searchOf(fields as Record<string, string>)).toMatchObject({ search })
  expect(Object.keys((searchOf(fields as Record<string, string>) as { search: object }).search)).toEqual(
    Object.keys(search),
  )
})

test.each([{ find: '12' }, { find: '+' }, { since: 'yesterday' }, { until: '2026-02-30T00:00' }])(
  'the fields %j are refused, in words that hold none of them',
  (fields) => {
    const read = searchOf(fields as Record<string, string>)
    expect(read).toEqual({ problem: expect.any(String) })
  },
)

test('an address has every filter but the text that may be a number', () => {
  const filters = readFilters({
    find: '+12025550123',
    as: 'own',
    status: 'BUSY',
    account: 'a&b',
    span: 'week',
  })
  const address = toAddress(filters)
  expect(address).toBe('/sessions?as=own&status=BUSY&account=a%26b&span=week')
  const query = Object.fromEntries(new URL(address, 'http://localhost').searchParams)
  expect(readFilters(query)).toEqual({ ...filters, find: '' })
})

test('a cell of figures leads to the sessions of its time', () => {
  expect(
    filtersOfCell({ since: '2026-03-01T09:00:00.000Z', until: '2026-03-01T10:00:00.000Z', route: 'SG-ID' }),
  ).toBe('/sessions?since=2026-03-01T09%3A00%3A00&until=2026-03-01T10%3A00%3A00&route=SG-ID')
})
