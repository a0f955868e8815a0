/**
 * The measured figures of the model. Each says where it comes from; `npm run bench -- --only capacity` measures most of
 * them again and compares. The machine has 2 cores (AMD EPYC), which the programs share with both servers.
 */

/** CPU microseconds of a part. */
export interface CpuFigures {
  /** For each event. */
  event: number
  /** For each batch, a job of the queue. */
  batch: number
  /** For each transaction of a worker. */
  flush: number
  /** For each second of a process, also when nothing comes. */
  second: number
}

/** The parts of which there may be several: a process, a primary of Redis, a Postgres. */
export type Part = 'ingest' | 'worker' | 'redis' | 'postgres'

/**
 * A run of 2,000 events a second, with two deliveries a batch and eight a transaction, tells the batches and the
 * transactions from the events. The level is that of test/bench/results.md, "End to end" (38 deliveries a batch, 285 a
 * transaction), with what came later (docs/scaling.md, "CPU").
 */
export const cpu: Readonly<Record<Part, CpuFigures>> = {
  ingest: { event: 33, batch: 225, flush: 0, second: 5_700 },
  redis: { event: 4, batch: 270, flush: 0, second: 2_500 },
  worker: { event: 52, batch: 67, flush: 830, second: 8_300 },
  postgres: { event: 42, batch: 0, flush: 1_080, second: 3_800 },
}

/** A process, or Redis' single thread, should take this share of a core at the peak. The rest is for a worse second. */
export const fullCoreShare = 0.7
/** Postgres should take this share of its machine. */
export const fullMachineShare = 0.7

/** The time that makes a batch durable, and that of a transaction, on a disk that syncs in 1 ms. */
export const enqueueSeconds = 0.002
export const flushSeconds = 0.01
/** Ingest sends a further batch while one is under way when it has this many deliveries, and at most four at once. */
export const batchBeside = 32
export const batchesInFlight = 4
export const fullBatch = 500
/** The deliveries of a full transaction: up to 500, but batches stay whole. */
export const fullFlush = 300

/** Resident memory at a million events (test/bench/results.md, "Growth"). */
export const processBytes = { ingest: 185e6, worker: 420e6 }

/** A batch in the append-only file and on the network: 2,780 bytes, and 167 for each delivery in it. */
export const queueBytes = { batch: 2_780, event: 167 }
/** The memory of Redis for a waiting event (test/bench/results.md, "Footprint" and "Quiet backlog": 210 to 274). */
export const backlogBytes = 250
/** Ingest takes no more from this share of `maxmemory` on. */
export const fullRedisShare = 0.85
/** The append-only file doubles before it is rewritten, and then the new file stands beside it. */
export const appendOnlyFactor = 3
/** Writes to the append-only file, each with its fsync, for a batch. */
export const syncsPerBatch = 1.5

/** Bytes of an event on the network: a body of 1.2 KB with the headers of its POST; what a worker sends to Postgres. */
export const networkBytes = { post: 1_500, postgres: 2_190 }

/** Bytes of Postgres' log for an event, where no page must be written whole. */
export const walBytes = 3_200
/** The first change of a page behind a checkpoint writes the whole page to the log: 8 KB, less the free space. */
export const pageImageBytes = 5_900
export const pageBytes = 8_192
/** `checkpoint_timeout`, as docs/scaling.md advises. `max_wal_size` must be large enough for it. */
export const checkpointSeconds = 900

/** The kinds of rows that retention tells apart. */
export const kinds = ['bodies', 'ledger', 'sessions'] as const
export type Kind = (typeof kinds)[number]

export interface Relation {
  name: string
  kind: Kind
  bytesPerEvent: number
  /** Days of a partition; a table that has none is one for all days. */
  partitionDays?: number
  /**
   * Pages that an event touches anywhere in the index, because its key follows no order. They must be in memory, and
   * are written whole to the log. The ids of a session's legs are beside each other.
   */
  scatteredPages?: number
}

/**
 * The sizes of 48,000 generated events of 1.75 legs. Only the index of numbers is larger here than it was, 70 bytes
 * instead of 17: it is computed for numbers that come once, and people of the generator call more often than people do.
 */
export const relations: readonly Relation[] = [
  { name: 'bodies', kind: 'bodies', bytesPerEvent: 1_304, partitionDays: 1 },
  { name: 'bodies_pkey', kind: 'bodies', bytesPerEvent: 53, partitionDays: 1 },
  { name: 'deliveries', kind: 'ledger', bytesPerEvent: 158, partitionDays: 30 },
  { name: 'deliveries_pkey', kind: 'ledger', bytesPerEvent: 52, partitionDays: 30 },
  {
    name: 'deliveries_session_id_idx',
    kind: 'ledger',
    bytesPerEvent: 42,
    partitionDays: 30,
    scatteredPages: 1,
  },
  { name: 'sessions', kind: 'sessions', bytesPerEvent: 313 },
  { name: 'sessions_pkey', kind: 'sessions', bytesPerEvent: 42, scatteredPages: 1 },
  { name: 'sessions_change_idx', kind: 'sessions', bytesPerEvent: 47 },
  { name: 'sessions_started_at_sub_account_idx', kind: 'sessions', bytesPerEvent: 31 },
  { name: 'sessions_client_request_id_idx', kind: 'sessions', bytesPerEvent: 14, scatteredPages: 0.25 },
  { name: 'call_legs', kind: 'sessions', bytesPerEvent: 372 },
  { name: 'call_legs_pkey', kind: 'sessions', bytesPerEvent: 89, scatteredPages: 1 },
  { name: 'call_legs_call_id_idx', kind: 'sessions', bytesPerEvent: 70, scatteredPages: 1 },
  { name: 'call_legs_number_backwards_idx', kind: 'sessions', bytesPerEvent: 70, scatteredPages: 1.75 },
]

/** The tables as they would be with ledger, sessions and legs in a partition for each day, too. */
export const dailyRelations: readonly Relation[] = relations.map((relation) => ({
  ...relation,
  partitionDays: 1,
}))

/** The clients of a process: ingest has one for all queues, a worker one, and one for each queue that waits for batches. */
export const redisConnections = { ingest: 1, worker: { shared: 1, each: 1 }, console: 1 }
/** The size of a pool. */
export const postgresConnections = { worker: 4, console: 8 }
