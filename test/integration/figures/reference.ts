/** The figures of vss.traffic, computed slowly and plainly from its definitions. */
import type { CallLeg, Session } from '@vss-pipeline/vss'

export type Group = 'sub_account' | 'direction' | 'legs' | 'country_pair'

/** A row of vss.traffic, without the columns that are given by the row's place. */
export type Figures = Record<string, number | null>

export interface ReferenceRow {
  bucketStart: number
  group: (string | number | null)[]
  figures: Figures
}

const documentedEnds = [
  ...['COMPLETED', 'NO_ANSWER', 'BUSY', 'CANCELED'],
  ...['COMPLETED_UNSUBSCRIBED', 'COMPLETED_UNSUB_ERROR', 'UNSUBSCRIBED_CONTACT'],
]

export function directionOf({ legs }: Session): string {
  return legs[0]?.direction ?? 'UNKNOWN'
}

export function countryPairOf({ legs, callee }: Session): string {
  const from = legs[0]?.sourceCountry ?? '??'
  const called = (leg: CallLeg) => leg.direction === 'OUTBOUND' && leg.destination === callee
  const to =
    callee !== null
      ? legs.find(called)?.destinationCountry
      : legs.length === 1
        ? legs[0]!.destinationCountry
        : null
  return `${from}-${to ?? '??'}`
}

/** Reads the groups in the order of the columns of vss.traffic; null where it is not grouped. */
function groupOf(session: Session, groupBy: readonly Group[]): (string | number | null)[] {
  const every = [
    ['sub_account', session.subAccountId],
    ['direction', directionOf(session)],
    ['legs', session.legs.length],
    ['country_pair', countryPairOf(session)],
  ] as const
  return every.map(([name, value]) => (groupBy.includes(name) ? value : null))
}

/** The rows that vss.traffic must give for buckets that begin at `starts`, milliseconds since the Unix epoch. */
export function trafficOf(
  sessions: readonly Session[],
  options: { starts: readonly number[]; untilMs: number; subAccount?: string; groupBy?: readonly Group[] },
): ReferenceRow[] {
  const { starts, untilMs, subAccount, groupBy = [] } = options
  return starts.flatMap((bucketStart, number) => {
    const bucketEnd = starts[number + 1] ?? untilMs
    const inBucket = sessions.filter(
      ({ startedAtMs, subAccountId }) =>
        startedAtMs >= bucketStart &&
        startedAtMs < bucketEnd &&
        (subAccount === undefined || subAccountId === subAccount),
    )
    if (groupBy.length === 0) {
      return [{ bucketStart, group: [null, null, null, null], figures: figuresOf(inBucket) }]
    }
    const groups = Map.groupBy(inBucket, (session) => JSON.stringify(groupOf(session, groupBy)))
    return [...groups].map(([key, members]) => ({
      bucketStart,
      group: JSON.parse(key) as ReferenceRow['group'],
      figures: figuresOf(members),
    }))
  })
}

function figuresOf(sessions: readonly Session[]): Figures {
  const answered = sessions.filter((session) => session.answered)
  const failures = sessions.filter((session) => !session.answered)
  const undelivered = failures.filter(({ status }) => !documentedEnds.includes(status))
  const ended = (...statuses: string[]) => failures.filter(({ status }) => statuses.includes(status)).length
  const talk = answered.map(({ talkSeconds }) => talkSeconds).filter((seconds) => seconds !== null)
  const ring = valuesOf(sessions, 'ringSeconds')
  const mos = valuesOf(sessions, 'mosMin').map(Math.fround)
  const band = (name: string) => ratio(sessions.filter(({ mosBand }) => mosBand === name).length, mos.length)
  return {
    attempts: sessions.length,
    answered: answered.length,
    asr: ratio(answered.length, sessions.length),
    ner_estimate: ratio(sessions.length - undelivered.length, sessions.length),
    no_answer: ended('NO_ANSWER'),
    busy: ended('BUSY'),
    canceled: ended('CANCELED'),
    failed: ended('FAILED'),
    error: ended('ERROR'),
    other: failures.length - ended('NO_ANSWER', 'BUSY', 'CANCELED', 'FAILED', 'ERROR'),
    minutes: sum(valuesOf(sessions, 'talkSeconds')) / 60,
    acd_seconds: ratio(sum(talk), talk.length),
    short_calls: talk.filter((seconds) => seconds < 6).length,
    ring_seconds_p50: percentile(ring, 0.5),
    ring_seconds_p95: percentile(ring, 0.95),
    measured: mos.length,
    mos_avg: ratio(sum(mos), mos.length),
    mos_p10: percentile(mos, 0.1),
    share_excellent: band('excellent'),
    share_good: band('good'),
    share_fair: band('fair'),
    share_poor: band('poor'),
    share_bad: band('bad'),
    packet_loss_p95: percentile(valuesOf(sessions, 'packetLossMax'), 0.95),
    jitter_ms_p95: percentile(valuesOf(sessions, 'jitterMsMax'), 0.95),
    distinct_callees: new Set(sessions.map(({ callee }) => callee).filter((callee) => callee !== null)).size,
  }
}

function valuesOf(
  sessions: readonly Session[],
  measure: 'ringSeconds' | 'talkSeconds' | 'mosMin' | 'packetLossMax' | 'jitterMsMax',
): number[] {
  return sessions.map((session) => session[measure]).filter((value) => value !== null)
}

/** As percentile_cont: the place among the sorted values is a fraction, and so is the way between its neighbours. */
export function percentile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((one, other) => one - other)
  const place = share * (sorted.length - 1)
  const low = sorted[Math.floor(place)]!
  const high = sorted[Math.ceil(place)]!
  return low + (high - low) * (place - Math.floor(place))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}
