import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { mostShards } from '../hash-tags.ts'

/** Only those who read reports load this file: ingest, which only tells one, does not need its checks. */

const name = Type.String({ minLength: 1, maxLength: 100 })
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
/** Milliseconds since the Unix epoch. */
const instantMs = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 })
const orNull = <Part extends Type.TSchema>(part: Part) => Type.Union([part, Type.Null()])

/** Every process tells this about itself. */
const process = {
  /** Unlike that of every other process. */
  id: name,
  /** Its host; that of an ingest with a spool also names the folder there. For people. */
  place: Type.String({ maxLength: 5_000 }),
  /** The release. */
  version: name,
  /** By its own clock, as is `clockMs`, the time of the report. */
  startedAtMs: instantMs,
  clockMs: instantMs,
}

const IngestReport = Type.Object({
  ...process,
  service: Type.Literal('ingest'),
  /** The version of the payloads that it puts into the queue. */
  payloadVersion: count,
  /** The number of queues that it fills: its `QUEUE_SHARDS`. */
  shards: count,
  /** So many replicas must have a delivery before it is acknowledged. */
  waitReplicas: count,
  /** Null without `SPOOL_DIR`. */
  spool: orNull(
    Type.Object({
      deliveries: count,
      bytes: count,
      maxBytes: count,
      /** On its disk; null where that does not tell. */
      diskFreeBytes: orNull(count),
      /** The receipt of its oldest delivery; null when it is empty. */
      oldestMs: orNull(instantMs),
      /** It has not been empty since then, or for longer; null when it is empty. */
      notEmptySinceMs: orNull(instantMs),
    }),
  ),
  /** Whether it takes only POSTs with a secret. */
  hasSecret: Type.Boolean(),
  /** The POSTs of this minute and of the 59 minutes before. */
  lastHour: Type.Object({
    accepted: count,
    /** By code; a code that is missing had none. */
    refused: Type.Record(Type.String({ pattern: '^[a-z_]{1,40}$' }), count),
  }),
  /** The receipt of the last delivery that it acknowledged; null when there was none since its start. */
  lastReceivedAtMs: orNull(instantMs),
})

const WorkerReport = Type.Object({
  ...process,
  service: Type.Literal('worker'),
  /** Whether Postgres takes its rows; null before the first answer. */
  isDatabaseThere: orNull(Type.Boolean()),
  /** Its `QUEUE_SHARDS`. */
  shards: count,
  /** The numbers of the shards that it reads now: its own, and others that held batches. */
  shardsRead: Type.Array(count, { maxItems: mostShards }),
  /** The versions of payloads that it can read. */
  payloadVersions: Type.Array(count, { maxItems: 100 }),
})

const ConsoleReport = Type.Object({ ...process, service: Type.Literal('console') })

const ProcessReport = Type.Union([IngestReport, WorkerReport, ConsoleReport])

export type IngestReport = Static<typeof IngestReport>
export type WorkerReport = Static<typeof WorkerReport>
/** A process' word about itself. */
export type ProcessReport = Static<typeof ProcessReport>
export type ServiceName = ProcessReport['service']

const validator = Compile(ProcessReport)

/** @returns undefined for a report that cannot be read, such as that of a later release. */
export function readReport(text: string): ProcessReport | undefined {
  try {
    const report: unknown = JSON.parse(text)
    return validator.Check(report) ? report : undefined
  } catch {
    return undefined
  }
}
