import { isUuid } from '@vss-pipeline/delivery'
import { readNumberSearch, type SessionSearch } from '@vss-pipeline/reader'
import { readSpanName, readTime, type SpanName, spanEndingNow, toField } from '../span.ts'

/** The meanings that the text in the search field can have. */
export const meanings = {
  auto: "Caller's or callee's number, or an id",
  own: 'Our own number',
  request: 'Client request id',
} as const

export type Meaning = keyof typeof meanings

/** The fields of the search, as they were typed. All but `find`, which may be a number, may stand in an address. */
export interface SessionFilters {
  readonly find: string
  readonly as: Meaning
  readonly status: string
  readonly account: string
  readonly anomaly: string
  readonly route: string
  /** Empty: a day, but any time for a number or an id, which an index finds whatever its time. */
  readonly span: SpanName | 'any' | ''
  readonly since: string
  readonly until: string
}

const longestField = 255

/** Reads the fields from an address or a form. Anything that is no choice counts as none. */
export function readFilters(fields: Readonly<Record<string, string | undefined>>): SessionFilters {
  const text = (name: string) => (fields[name] ?? '').trim().slice(0, longestField)
  const as = text('as')
  const span = text('span')
  return {
    find: text('find'),
    as: Object.hasOwn(meanings, as) ? (as as Meaning) : 'auto',
    status: text('status'),
    account: text('account'),
    anomaly: text('anomaly'),
    route: text('route'),
    span: span === 'any' || span === '' ? span : readSpanName(span, 'day'),
    since: text('since'),
    until: text('until'),
  }
}

/** The filters as an address has them: without the text that may be a number, and without defaults. */
export function toAddress(filters: Partial<SessionFilters>): string {
  const { find: _mayBeNumber, ...rest } = filters
  const query = new URLSearchParams(
    Object.entries(rest).filter(([name, value]) => value !== '' && !(name === 'as' && value === 'auto')),
  )
  return query.size === 0 ? '/sessions' : `/sessions?${query}`
}

/** A search, or the reason why the fields are none. A session's id may be meant, which is looked up first. */
export type ReadSearch =
  | { readonly search: Omit<SessionSearch, 'limit'>; readonly sessionId: string | null }
  | { readonly problem: string }

/** Makes a search of the fields. @param nowMs milliseconds since the Unix epoch */
export function toSearch(filters: SessionFilters, nowMs: number): ReadSearch {
  const times = readTimes(filters, nowMs)
  if ('problem' in times) return times
  const found = readFind(filters)
  if ('problem' in found) return found
  const { status, account, anomaly, route } = filters
  return {
    sessionId: found.sessionId,
    search: {
      ...times,
      ...found.search,
      ...(status !== '' && { statuses: [status] }),
      ...(account !== '' && { subAccountId: account }),
      ...(anomaly !== '' && { anomaly }),
      ...(route !== '' && { countryPair: route }),
    },
  }
}

function readTimes(
  filters: SessionFilters,
  nowMs: number,
): { since?: Date; until?: Date } | { problem: string } {
  const [since, until] = [readTime(filters.since), readTime(filters.until)]
  if (since === null || until === null) {
    return { problem: 'A time is written like 2026-03-01T09:30, in UTC.' }
  }
  if (since !== undefined || until !== undefined) return { ...(since && { since }), ...(until && { until }) }
  // Without an end, sessions that start while somebody reads are found as well.
  const span = filters.span === '' ? (filters.find === '' ? 'day' : 'any') : filters.span
  return span === 'any' ? {} : { since: spanEndingNow(span, nowMs).since }
}

function readFind({ find, as }: SessionFilters): ReadSearch {
  if (find === '') return { search: {}, sessionId: null }
  if (as === 'request') return { search: { clientRequestId: find }, sessionId: null }
  if (as === 'auto' && isUuid(find.toLowerCase())) {
    return { search: { callId: find.toLowerCase() }, sessionId: find.toLowerCase() }
  }
  if (as === 'auto' && /\p{L}/u.test(find) && !/^(tel:|sips?:)/i.test(find)) {
    return { search: { clientRequestId: find }, sessionId: null }
  }
  const number = readNumberSearch(find)
  if (number === null) {
    return { problem: 'Give a whole number, or its last 4 digits or more.' }
  }
  return { search: as === 'own' ? { virtualNumber: number } : { number }, sessionId: null }
}

/** The filters of all sessions of a cell of figures. */
export function filtersOfCell(cell: {
  since: string
  until: string
  account?: string
  route?: string
}): string {
  return toAddress({
    since: toField(new Date(cell.since)),
    until: toField(new Date(cell.until)),
    account: cell.account ?? '',
    route: cell.route ?? '',
  })
}
