import pg from 'pg'
import { UnstorableValue } from './arrays.ts'

/**
 * Why storage could not do what was asked, through no fault of the data: try again later.
 *
 * - `database_unavailable`: no usable connection. Nothing will succeed until that changes.
 * - `database_busy`: another connection held a row or a table for longer than this one waits for a lock.
 * - `database_fault`: this attempt failed: a deadlock, a timeout, a table that is not there yet, a bug.
 *
 * Neither `message` nor `cause` quotes row data, so both may be logged.
 */
export class StorageFault extends Error {
  override readonly name = 'StorageFault'
  readonly code: 'database_unavailable' | 'database_busy' | 'database_fault'
  /** The five characters of Postgres' error code, where Postgres was the one to fail. */
  readonly sqlState?: string

  constructor(
    code: StorageFault['code'],
    message: string,
    options: { sqlState?: string; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {})
    this.code = code
    if (options.sqlState !== undefined) this.sqlState = options.sqlState
  }
}

/** What any error of pg or of Node means to a caller of storage. */
export function toStorageFault(error: unknown): StorageFault {
  if (error instanceof StorageFault) return error
  if (error instanceof pg.DatabaseError) return faultOfServer(error)
  if (error instanceof UnstorableValue) {
    return new StorageFault('database_fault', error.message, { sqlState: error.sqlState })
  }
  const isConnection = isConnectionError(error)
  const code = isConnection ? 'database_unavailable' : 'database_fault'
  const what = isConnection ? 'the database cannot be reached' : 'the database client failed'
  return new StorageFault(code, `${what}: ${textOf(error)}`, { cause: error })
}

/**
 * The SQLSTATE when an error is about the values of a row, so that the row alone is to blame; undefined for
 * faults. Two that look like it are faults: 22P03 says that our encoding of a parameter is wrong, and 23514
 * without a constraint's name that no partition takes the row.
 */
export function dataErrorState(error: unknown): string | undefined {
  if (error instanceof UnstorableValue) return error.sqlState
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return undefined
  const { code, constraint } = error
  const isAboutValues =
    (code.startsWith('22') && code !== '22P03') ||
    code === '23502' ||
    (code === '23514' && constraint !== undefined) ||
    code === '54000'
  return isAboutValues ? code : undefined
}

/**
 * What holds for every write, not for this one: 08 connection, 28 credentials, 3D no such database, 3F and 42P01
 * not migrated yet, 42501 not permitted, 53 out of connections, memory or disk, 57P shutting down, starting up or
 * cut off, 58 trouble with files, 25006 read-only, as a standby is during a failover.
 */
const unavailableStates = /^(08|28|3D|3F|53|57P|58|25006|42501|42P01)/

/** A wait for a lock took longer than `lock_timeout`. */
const lockTimeoutState = '55P03'

/** Classes whose messages name objects, settings or limits, never values: the rest may quote a row. */
const quotableStates = /^(08|25|28|3D|3F|40|42|53|55|57|58)/

function faultOfServer(error: pg.DatabaseError): StorageFault {
  const sqlState = error.code ?? 'XX000'
  const text = quotableStates.test(sqlState) ? error.message : 'refused by the database'
  // The error itself stays behind: its detail, its context and often its message hold the row's values.
  return new StorageFault(codeOf(sqlState), `${text} (SQLSTATE ${sqlState})`, { sqlState })
}

function codeOf(sqlState: string): StorageFault['code'] {
  if (unavailableStates.test(sqlState)) return 'database_unavailable'
  return sqlState === lockTimeoutState ? 'database_busy' : 'database_fault'
}

const connectionErrorCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT', // the socket file of a server that is down
])

/** What OpenSSL and Node say of a certificate that does not hold. */
const certificateErrorCode = /^(CERT_|ERR_TLS_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH)/

/** pg and pg-pool give the errors they make themselves no code. */
const connectionErrorText =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed|The server does not support SSL)/

/** Whether the connection broke, or went silent, so that nothing can be asked over it any more. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code = '' } = error as NodeJS.ErrnoException
  return (
    connectionErrorCodes.has(code) ||
    certificateErrorCode.test(code) ||
    connectionErrorText.test(error.message)
  )
}

/** One line. Node's AggregateError, when each address of a name fails, has a code but no message. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error)
  return text?.split('\n', 1)[0] || 'unknown error'
}
