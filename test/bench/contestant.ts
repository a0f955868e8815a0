import type { Peer } from './peers/index.ts'
import { type Program, startOurs, startPeer } from './programs.ts'
import { type Rows, sessionRows } from './rows.ts'
import type { BenchDatabase, BenchServers } from './servers.ts'

/** Programs that take events and store rows: this pipeline, another commit of it, or a peer. */
export interface Contestant {
  name: string
  /** Starts its programs. */
  start(servers: BenchServers): Promise<Running>
}

/** A contestant whose programs run. */
export interface Running {
  ingest: Program
  /** Empty when ingest stores the rows itself, or nobody does. */
  workers: Program[]
  /** Its rows; undefined when nobody stores any. */
  rows: Rows | undefined
  stop(): Promise<void>
}

/**
 * Makes a contestant of this pipeline.
 *
 * @param options.root the checkout to run, by default this one
 * @param options.database the database to use, by default the one that the peers use
 * @param options.rowsIn chooses the rows to count, by default sessions, as for the peers
 */
export function ourPipeline(
  options: {
    workers?: number
    root?: string
    database?: BenchDatabase
    settings?: NodeJS.ProcessEnv
    rowsIn?: (database: BenchDatabase) => Rows
  } = {},
): Contestant {
  const { workers = 1, root, settings, rowsIn = sessionRows } = options
  const how = { ...(root !== undefined && { root }), ...(settings && { settings }) }
  return {
    name: 'this pipeline',
    start(servers) {
      const database = options.database ?? servers
      const urls = { redisUrl: servers.redisUrl, databaseUrl: database.databaseUrl }
      return startAll({
        workers: Array.from({ length: workers }, () => () => startOurs('worker', urls, how)),
        ingest: () => startOurs('ingest', urls, how),
        rows: rowsIn(database),
      })
    },
  }
}

export function peerContestant({ name, ingest, worker, table }: Peer): Contestant {
  return {
    name,
    start: (servers) =>
      startAll({
        workers: worker === undefined ? [] : [() => startPeer(worker, servers)],
        ingest: () => startPeer(ingest, servers),
        rows: table === undefined ? undefined : sessionRows(servers, table),
      }),
  }
}

async function startAll(contestant: {
  workers: (() => Promise<Program>)[]
  ingest: () => Promise<Program>
  rows: Rows | undefined
}): Promise<Running> {
  const started: Program[] = []
  async function stop(): Promise<void> {
    // Ingest stops first, so that it takes no events that no worker would store.
    for (const program of started.toReversed()) await program.stop()
  }
  try {
    for (const start of contestant.workers) started.push(await start())
    const workers = [...started]
    const ingest = await contestant.ingest()
    started.push(ingest)
    return { ingest, workers, rows: contestant.rows, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
