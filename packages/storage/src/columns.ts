/**
 * The columns of the pipeline's tables, one line each: the name of the value, its Postgres type, and its origin. The
 * column's name follows: `started_at` of `startedAtMs`. Inserts, updates, comparisons, selects and the types of the rows
 * that are read follow from here too; statements.sql, here and in packages/reader, has every statement as it is sent.
 *
 * A member of Session, CallLeg or LedgerEntry that has no line here, or a type that cannot hold it, does not compile.
 */
import type { CallLeg, LedgerEntry, Session } from '@vss-pipeline/vss'
import type { MemberAsRead } from './column-name.ts'
import type { LedgerRow } from './ledger.ts'
import type { PostgresType, ReadOf, Written } from './postgres-types.ts'
import type { SessionVersion } from './sessions.ts'

interface SessionSources {
  session: Omit<Session, 'legs'>
  version: Omit<SessionVersion, 'session'>
}

const session = memberOf('session')
const version = memberOf('version')

export const sessionColumns = {
  sessionId: session('uuid'),
  subAccountId: session('text'),
  status: session('text'),
  startedAtMs: session('timestamptz'),
  endedAtMs: session('timestamptz'),
  durationSeconds: session('double precision'),
  lastAction: session('text'),
  callCount: session('integer'),
  clientRequestId: session('text'),
  schemaVersion: session('integer'),
  errorCode: session('integer'),
  errorMessage: session('text'),
  errorMeaning: session('text'),
  caller: session('text'),
  virtualNumber: session('text'),
  callee: session('text'),
  answered: session('boolean'),
  ringSeconds: session('double precision'),
  talkSeconds: session('double precision'),
  mosMin: session('real'),
  mosBand: session('text'),
  packetLossMax: session('real'),
  jitterMsMax: session('real'),
  anomalies: session('text[]', { comparedPart: withoutImplausibleTime }),
  revision: computed('integer', { insert: '1', update: 'current.revision + 1' }),
  deliveryId: version('uuid'),
  receivedAtMs: version('timestamptz'),
  bodySha256: version('bytea'),
  processedAtMs: computed('timestamptz', { insert: 'now()' }),
  pipelineVersion: oneForAll('text'),
  changeXid: computed('xid8', { insert: 'pg_current_xact_id()' }),
  anomalyDetails: session('jsonb'),
} as const satisfies Complete<SessionSources>

/** The anomaly depends on the time of receipt, and a repeated delivery has another one. */
function withoutImplausibleTime(anomalies: unknown): unknown {
  return (anomalies as string[]).filter((code) => code !== 'implausible_time')
}

/** A row of `vss.sessions` as it is read. */
export type SessionColumns = RowAsRead<typeof sessionColumns, SessionSources>

interface CallLegSources {
  session: Pick<Session, 'sessionId'>
  leg: CallLeg
}

const leg = memberOf('leg')

export const callLegColumns = {
  sessionId: session('uuid'),
  leg: leg('text'),
  callId: leg('uuid'),
  direction: leg('text'),
  callType: leg('text'),
  status: leg('text'),
  initiatedAtMs: leg('timestamptz'),
  connectedAtMs: leg('timestamptz'),
  disconnectedAtMs: leg('timestamptz'),
  ringSeconds: leg('double precision'),
  durationSeconds: leg('integer'),
  source: leg('text'),
  destination: leg('text'),
  sourceFormat: leg('text'),
  destinationFormat: leg('text'),
  sourceCountry: leg('text'),
  destinationCountry: leg('text'),
  sourceRefId: leg('text'),
  destinationRefId: leg('text'),
  sourceType: leg('text'),
  destinationType: leg('text'),
  mos: leg('real'),
  mosBand: leg('text'),
  packetLossRate: leg('real'),
  jitterMs: leg('real'),
  errorCode: leg('integer'),
  errorMessage: leg('text'),
} as const satisfies Complete<CallLegSources>

/** A row of `vss.call_legs` as it is read. */
export type CallLegColumns = RowAsRead<typeof callLegColumns, CallLegSources>

interface DeliverySources {
  entry: Omit<LedgerEntry, 'verdict' | 'context' | 'body'>
  row: Omit<LedgerRow, 'entry'>
}

const entry = memberOf('entry')
const row = memberOf('row')

export const deliveryColumns = {
  deliveryId: entry('uuid'),
  receivedAtMs: entry('timestamptz'),
  sourceIp: entry('inet'),
  body: notWritten('bytea'),
  bodySha256: row('bytea'),
  sessionId: row('uuid'),
  outcome: row('text'),
  reasons: row('jsonb'),
  processedAtMs: oneForAll('timestamptz'),
  pipelineVersion: oneForAll('text'),
  source: row('text'),
  history: notWritten('jsonb'),
} as const satisfies Complete<DeliverySources>

/** A row of `vss.deliveries` as it is read. */
export type DeliveryColumns = RowAsRead<typeof deliveryColumns, DeliverySources>

export const bodyColumns = {
  deliveryId: entry('uuid'),
  receivedAtMs: entry('timestamptz'),
  body: entry('bytea'),
} as const satisfies Complete<{ entry: Pick<LedgerEntry, 'deliveryId' | 'receivedAtMs' | 'body'> }>

/** Columns by the names of their values in our objects. */
export type Columns = Readonly<Record<string, Column>>

export type Column = MemberColumn | OneForAllColumn | ComputedColumn | UnwrittenColumn

/** Its value is the member of its name of the object `from`. A statement is given one such object for each row. */
export interface MemberColumn<From = string, Type = PostgresType> {
  readonly type: Type
  readonly from: From
  /** The part of a value by which content is compared, where that is not the whole value. */
  readonly comparedPart?: (value: unknown) => unknown
}

/** A statement is given one value for all its rows. */
export interface OneForAllColumn<Type = PostgresType> {
  readonly type: Type
  readonly isOneForAll: true
}

/** Postgres computes it. A row that is there already gets the value of `update`, else that of the new row. */
export interface ComputedColumn<Type = PostgresType> {
  readonly type: Type
  readonly insert: string
  readonly update?: string
}

/** The schema has it, and no statement of the writer names it: Postgres gives it its default. */
export interface UnwrittenColumn<Type = PostgresType> {
  readonly type: Type
  readonly isUnwritten: true
}

/** The columns of a table whose values are members of the object `from`. */
export function columnsFrom<Given extends Columns, From extends string>(
  columns: Given,
  from: From,
): ColumnsFrom<Given, From> {
  const members = Object.entries(columns).filter(([, column]) => 'from' in column && column.from === from)
  return Object.fromEntries(members) as ColumnsFrom<Given, From>
}

type ColumnsFrom<Given extends Columns, From> = {
  [Name in keyof Given as Given[Name] extends MemberColumn<From> ? Name : never]: Given[Name]
}

function memberOf<From extends string>(from: From) {
  return <Type extends PostgresType>(
    type: Type,
    options: Pick<MemberColumn, 'comparedPart'> = {},
  ): MemberColumn<From, Type> => ({ type, from, ...options })
}

function notWritten<Type extends PostgresType>(type: Type): UnwrittenColumn<Type> {
  return { type, isUnwritten: true }
}

function oneForAll<Type extends PostgresType>(type: Type): OneForAllColumn<Type> {
  return { type, isOneForAll: true }
}

function computed<Type extends PostgresType>(
  type: Type,
  sql: { insert: string; update?: string },
): ComputedColumn<Type> {
  return { type, ...sql }
}

/** Columns among which every member of every source is, with a type that can hold it. */
type Complete<Sources> = Columns & {
  [Name in MembersOf<Sources>]: SourceWith<Sources, Name> extends infer From extends keyof Sources
    ? MemberColumn<From, TypeFor<Sources[From][Name & keyof Sources[From]]>>
    : never
}

type MembersOf<Sources> = { [From in keyof Sources]: keyof Sources[From] }[keyof Sources]

type SourceWith<Sources, Name> = {
  [From in keyof Sources]: Name extends keyof Sources[From] ? From : never
}[keyof Sources]

type TypeFor<Value> = { [Type in PostgresType]: [Value] extends [Written<Type>] ? Type : never }[PostgresType]

type RowAsRead<Given extends Columns, Sources> = {
  -readonly [Name in keyof Given as MemberAsRead<Name>]: Given[Name] extends {
    type: infer Type extends PostgresType
    from: infer From extends keyof Sources
  }
    ? ReadOf<Type, Sources[From][Name & keyof Sources[From]]>
    : Given[Name] extends { isUnwritten: true }
      ? ReadOf<Given[Name]['type'], Written<Given[Name]['type']> | null>
      : ReadOf<Given[Name]['type'], NonNullable<Written<Given[Name]['type']>>>
}
