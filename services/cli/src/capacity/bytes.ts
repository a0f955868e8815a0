import { type Demand, peakRate } from './demand.ts'
import {
  appendOnlyFactor,
  backlogBytes,
  checkpointSeconds,
  fullRedisShare,
  type Kind,
  kinds,
  pageBytes,
  pageImageBytes,
  type Relation,
  relations,
  walBytes,
} from './figures.ts'

/** @returns the memory of all primaries together: their `maxmemory`. */
export function redisMemoryBytes(demand: Demand): number {
  return (peakRate(demand) * demand.outageSeconds * backlogBytes) / fullRedisShare
}

/** @returns the disk of all primaries together, for their append-only files. */
export function redisDiskBytes(demand: Demand): number {
  return redisMemoryBytes(demand) * appendOnlyFactor
}

/** @returns the bytes of all kept rows with their indexes. */
export function storedBytes(demand: Demand): number {
  return kinds.reduce((sum, kind) => sum + keptBytes(demand, kind), 0)
}

/** @returns the bytes of all kept rows of a kind, with their indexes. */
export function keptBytes(demand: Demand, kind: Kind): number {
  return bytesPerEvent(kind) * demand.eventsPerDay * demand.retentionDays[kind]
}

/** @returns the bytes of an event's rows of a kind, with their indexes. */
export function bytesPerEvent(kind: Kind): number {
  return relations
    .filter((relation) => relation.kind === kind)
    .reduce((sum, { bytesPerEvent }) => sum + bytesPerEvent, 0)
}

/**
 * @returns the bytes of the index pages that new rows touch in no order. Without memory for them, each row waits for a
 *   disk.
 */
export function scatteredBytes(demand: Demand, tables: readonly Relation[]): number {
  return tables
    .filter(({ scatteredPages }) => scatteredPages !== undefined)
    .reduce((sum, relation) => sum + activeBytes(relation, demand), 0)
}

/** @returns the bytes of Postgres' log for an event at the peak, once the tables hold all that they keep. */
export function walBytesPerEvent(demand: Demand, tables: readonly Relation[]): number {
  return walBytes + pagesWritten(demand, tables) * pageImageBytes
}

/**
 * @param memory is the memory of all databases for index pages, in bytes.
 * @returns the pages that are read from disk and written to it for an event at the peak. A page is written once for all
 *   that happens to it between two checkpoints.
 */
export function diskOperations(demand: Demand, memory: number, tables: readonly Relation[]): number {
  const touched = tables.reduce((sum, { scatteredPages = 0 }) => sum + scatteredPages, 0)
  const onDisk = Math.max(0, 1 - memory / scatteredBytes(demand, tables))
  return touched * onDisk + pagesWritten(demand, tables)
}

function pagesWritten(demand: Demand, tables: readonly Relation[]): number {
  const events = peakRate(demand) * checkpointSeconds
  return tables.reduce((sum, relation) => {
    const { scatteredPages = 0 } = relation
    return sum + pagesChanged({ events, indexBytes: activeBytes(relation, demand), scatteredPages })
  }, 0)
}

/**
 * Counts the pages of an index that change between two checkpoints. Each is written whole to the log at its first
 * change.
 *
 * @param options.events come between two checkpoints.
 * @param options.scatteredPages each touches anywhere in the index; some were touched before.
 * @returns a number for each event.
 */
export function pagesChanged(options: {
  events: number
  indexBytes: number
  scatteredPages: number
}): number {
  const { events, indexBytes, scatteredPages } = options
  const pages = indexBytes / pageBytes
  return pages === 0 ? 0 : (pages * -Math.expm1((-events * scatteredPages) / pages)) / events
}

/** The bytes of the partition that takes new rows, when it is full. */
function activeBytes({ kind, bytesPerEvent, partitionDays = Infinity }: Relation, demand: Demand): number {
  return bytesPerEvent * demand.eventsPerDay * Math.min(partitionDays, demand.retentionDays[kind])
}
