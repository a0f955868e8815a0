import pg from 'pg'
import { expect, test } from 'vitest'
import { dataErrorState, StorageFault, toStorageFault } from './errors.ts'

/** An error as the server sends it. The protocol adds `fields` to the message. */
function databaseError(code: string, message = 'message', fields: Partial<pg.DatabaseError> = {}) {
  return Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code, ...fields })
}

function networkError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:5432`), { code })
}

test.each([
  ['08006', 'database_unavailable'],
  ['25006', 'database_unavailable'],
  ['28P01', 'database_unavailable'],
  ['3D000', 'database_unavailable'],
  ['53300', 'database_unavailable'],
  ['57P01', 'database_unavailable'],
  ['57P02', 'database_unavailable'],
  ['57P03', 'database_unavailable'],
  ['40001', 'database_fault'],
  ['40P01', 'database_fault'],
  ['42P01', 'schema_missing'],
  ['3F000', 'schema_missing'],
  ['42501', 'permission_denied'],
  ['42703', 'schema_missing'],
  ['42883', 'schema_missing'],
  ['53100', 'database_unavailable'],
  ['55P03', 'database_busy'],
  ['57014', 'database_fault'],
  ['XX000', 'database_fault'],
])('SQLSTATE %s is %s', (sqlState, code) => {
  const error = databaseError(sqlState)
  expect(toStorageFault(error)).toMatchObject({ name: 'StorageFault', code, sqlState })
  expect(dataErrorState(error)).toBeUndefined()
})

test.each([
  networkError('ECONNREFUSED'),
  networkError('SELF_SIGNED_CERT_IN_CHAIN'),
  networkError('ERR_TLS_CERT_ALTNAME_INVALID'),
  networkError('ECONNRESET'),
  networkError('ENOTFOUND'),
  networkError('ETIMEDOUT'),
  Object.assign(new AggregateError([networkError('ECONNREFUSED')]), { code: 'ECONNREFUSED' }),
  new Error('Connection terminated unexpectedly'),
  new Error('Connection terminated due to connection timeout'),
  new Error('timeout exceeded when trying to connect'),
  new Error('Query read timeout'),
  new Error('Client has encountered a connection error and is not queryable'),
])('%s is database_unavailable, and its cause is kept', (error) => {
  const fault = toStorageFault(error)
  expect(fault).toMatchObject({ code: 'database_unavailable', cause: error })
  expect(fault.message).toMatch(/^the database cannot be reached: .+/)
})

test('an error of our own code is database_fault', () => {
  expect(toStorageFault(new TypeError('x is not a function'))).toMatchObject({ code: 'database_fault' })
})

test('a fault stays as it is', () => {
  const fault = new StorageFault('database_fault', 'once')
  expect(toStorageFault(fault)).toBe(fault)
})

test('a fault carries no row data, in whichever field Postgres put it', () => {
  const number = '+6591178965'
  const error = databaseError('23505', `duplicate ${number}`, {
    detail: `Key (callee)=(${number}) already exists.`,
    where: `parameter $1 = '${number}'`,
  })

  const fault = toStorageFault(error)

  expect(fault.cause).toBeUndefined()
  expect(JSON.stringify({ ...fault, message: fault.message, stack: fault.stack })).not.toContain(number)
  expect(fault.message).toBe('refused by the database (SQLSTATE 23505)')
})

test.each(['22001', '22003', '22021', '22P02', '23502', '54000'])('SQLSTATE %s is about the data', (code) => {
  expect(dataErrorState(databaseError(code))).toBe(code)
})

test('a violated check is about the data when the constraint has a name', () => {
  expect(dataErrorState(databaseError('23514', '', { constraint: 'call_legs_leg_letter' }))).toBe('23514')
  expect(dataErrorState(databaseError('23514'))).toBeUndefined()
})

test.each([
  ['parameter', '22P03'],
  ['COPY', '22P04'],
])('a %s in the wrong encoding is a fault, because we encoded it', (_, sqlState) => {
  expect(dataErrorState(databaseError(sqlState))).toBeUndefined()
})
