import pg from 'pg'
import { UnstorableValue } from './binary.ts'

/**
 * The reason why storage could not do its work, through no fault of the data: try again later.
 *
 * - `database_unavailable`: there is no usable connection. Nothing succeeds until there is one.
 * - `schema_missing`: schema `vss`, or a table or column of it, is missing. Nothing succeeds until `vss migrate` has
 *   run.
 * - `permission_denied`: the role may not do this. Nothing succeeds until it may, or another role is used.
 * - `wrong_encoding`: the database is not in UTF-8. It lacks characters until another database takes its place.
 * - `database_busy`: another connection held a row or a table for longer than this one waits for a lock.
 * - `database_fault`: this attempt failed, by a deadlock, a timeout or a bug.
 *
 * Neither `message` nor `cause` quotes row data, so both may be logged.
 */
export class StorageFault extends Error {
  override readonly name = 'StorageFault'
  readonly code:
    | 'database_unavailable'
    | 'schema_missing'
    | 'permission_denied'
    | 'wrong_encoding'
    | 'database_busy'
    | 'database_fault'
  /** The five characters of Postgres' error code; absent when Postgres did not answer. */
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

/** Turns any error of pg or of Node into its meaning for a caller of storage. */
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
 * Tells whether the values of a row are to blame for an error. Three errors look like it and are faults: 22P03 and 22P04
 * say that our encoding of a value or of a COPY is wrong, and 23514 without a constraint's name says that no partition
 * takes the row.
 *
 * @returns the SQLSTATE; undefined for a fault.
 */
export function dataErrorState(error: unknown): string | undefined {
  if (error instanceof UnstorableValue) return error.sqlState
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return undefined
  const { code, constraint } = error
  const isAboutValues =
    (code.startsWith('22') && code !== '22P03' && code !== '22P04') ||
    code === '23502' ||
    (code === '23514' && constraint !== undefined) ||
    code === '54000'
  return isAboutValues ? code : undefined
}

/** Whether a row with the same key is there already. */
export function isKeyTaken(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505'
}

/** Whether the value's characters are to blame, or a database that is not in UTF-8 and has no such characters. */
export function isAboutCharacters(sqlState: string): boolean {
  return sqlState === '22021' || sqlState === '22P05'
}

/** Whether a fault holds for every connection's every statement of its kind, and not for this attempt alone. */
export function isLasting({ code }: StorageFault): boolean {
  return code === 'database_unavailable' || code === 'schema_missing' || code === 'permission_denied'
}

/**
 * The meaning of each SQLSTATE, to writers and readers alike; any other is a `database_fault`.
 *
 * 08 connection, 28 credentials, 3D no such database, 53 out of connections, memory or disk, 57P shutting down,
 * starting up or cut off, 58 trouble with files, 25006 read-only, as a standby is during a failover; 3F no such schema,
 * 42P01 no such table, 42703 no such column, 42883 no such function; 42501 not permitted; 55P03 a wait for a lock took
 * longer than `lock_timeout`.
 */
const meaningOfState: readonly [RegExp, StorageFault['code']][] = [
  [/^(08|28|3D|53|57P|58|25006)/, 'database_unavailable'],
  [/^(3F|42P01|42703|42883)/, 'schema_missing'],
  [/^42501/, 'permission_denied'],
  [/^55P03/, 'database_busy'],
]

/** The messages of these classes name objects, settings or limits; VF is the change feed's. Others may quote a row. */
const quotableStates = /^(08|25|28|3D|3F|40|42|53|55|57|58|VF)/

function faultOfServer(error: pg.DatabaseError): StorageFault {
  const sqlState = error.code ?? 'XX000'
  const text = quotableStates.test(sqlState) ? error.message : 'refused by the database'
  // The error itself stays behind: its detail, its context and often its message hold the row's values.
  return new StorageFault(codeOf(sqlState), `${text} (SQLSTATE ${sqlState})`, { sqlState })
}

function codeOf(sqlState: string): StorageFault['code'] {
  return meaningOfState.find(([states]) => states.test(sqlState))?.[1] ?? 'database_fault'
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

/** The codes that OpenSSL and Node give a certificate that does not hold. */
const certificateErrorCode = /^(CERT_|ERR_TLS_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH)/

/** The errors that pg and pg-pool make themselves have no code. */
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

/** Takes one line. When each address of a name fails, Node's AggregateError has a code but no message. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error)
  return text?.split('\n', 1)[0] || 'unknown error'
}
