import { mostShards } from '../hash-tags.ts'
import { boolean, integer, list, literal, object, orNull, record, text, type ValueOf } from './shape.ts'

const name = text({ min: 1, max: 100 })
const count = integer({ max: Number.MAX_SAFE_INTEGER })
/** Milliseconds since the Unix epoch. */
const instantMs = integer({ max: 8_640_000_000_000_000 })

/** Every process tells this about itself. */
const process = {
  /** Unlike that of every other process. */
  id: name,
  /** Its host; that of an ingest with a spool also names the folder there. For people. */
  place: text({ max: 5_000 }),
  /** The release. */
  version: name,
  /** By its own clock, as is `clockMs`, the time of the report. */
  startedAtMs: instantMs,
  clockMs: instantMs,
}

const ingestReport = object({
  ...process,
  service: literal('ingest'),
  /** The version of the payloads that it puts into the queue. */
  payloadVersion: count,
  /** The number of queues that it fills: its `QUEUE_SHARDS`. */
  shards: count,
  /** So many replicas must have a delivery before it is acknowledged. */
  waitReplicas: count,
  /** Null without `SPOOL_DIR`. */
  spool: orNull(
    object({
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
  hasSecret: boolean,
  /** The POSTs of this minute and of the 59 minutes before. */
  lastHour: object({
    accepted: count,
    /** By code; a code that is missing had none. */
    refused: record(/^[a-z_]{1,40}$/, count),
  }),
  /** The receipt of the last delivery that it acknowledged; null when there was none since its start. */
  lastReceivedAtMs: orNull(instantMs),
})

const workerReport = object({
  ...process,
  service: literal('worker'),
  /** Whether Postgres takes its rows; null before the first answer. */
  isDatabaseThere: orNull(boolean),
  /** Its `QUEUE_SHARDS`. */
  shards: count,
  /** The numbers of the shards that it reads now: its own, and others that held batches. */
  shardsRead: list(count, { most: mostShards }),
  /** The versions of payloads that it can read. */
  payloadVersions: list(count, { most: 100 }),
})

const consoleReport = object({ ...process, service: literal('console') })

export type IngestReport = ValueOf<typeof ingestReport>
export type WorkerReport = ValueOf<typeof workerReport>
/** A process' word about itself. */
export type ProcessReport = IngestReport | WorkerReport | ValueOf<typeof consoleReport>
export type ServiceName = ProcessReport['service']

/** @returns undefined for a report that cannot be read, such as that of a later release. */
export function readReport(text: string): ProcessReport | undefined {
  try {
    const report: unknown = JSON.parse(text)
    return ingestReport(report) || workerReport(report) || consoleReport(report) ? report : undefined
  } catch {
    return undefined
  }
}
