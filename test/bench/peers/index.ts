import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { fileURLToPath } from 'node:url'

/** A program, or a pair of programs, that one would write instead of the pipeline. */
export interface Peer {
  /** The name for people, with the version that matters. */
  name: string
  /** The program that answers `POST /webhooks/vss` on PORT. */
  ingest: string
  /** The program that stores the queued events; without one, ingest stores them or nobody does. */
  worker?: string
  /** The table of its sessions; without one, nobody stores them. */
  table?: string
}

const sessions = 'vss.sessions'
const bullmq = `BullMQ ${versionOf('bullmq', 1)}`
const pgBoss = `pg-boss ${versionOf('pg-boss', 1)}`
const graphile = `graphile-worker ${versionOf('graphile-worker', 2)}`

/** A handler that keeps nothing. It shows the speed of the web server alone. */
export const bareHandler: Peer = {
  name: 'a handler that keeps nothing',
  ingest: program('bare-handler.ts'),
}

/** A handler that stores values as they are sent. It shows the saving without validation and enrichment. */
export const leanHandler: Peer = {
  name: 'lean handler, unchecked, few columns',
  ingest: program('lean-handler.ts'),
  table: 'lean.sessions',
}

export const bullmqJobAnEvent: Peer = {
  name: `${bullmq}, a job an event`,
  ingest: program('bullmq-ingest.ts'),
  worker: program('bullmq-worker.ts'),
  table: sessions,
}

/** The programs that store the same rows as the pipeline: as their documentation shows them, and at their best. */
export const peers: readonly Peer[] = [
  {
    name: 'handler, transaction',
    ingest: program('insert-in-handler.ts'),
    table: sessions,
  },
  {
    name: 'handler, one prepared statement',
    ingest: program('prepared-statement.ts'),
    table: sessions,
  },
  {
    name: 'handler, group commit',
    ingest: program('group-commit.ts'),
    table: sessions,
  },
  bullmqJobAnEvent,
  {
    name: `${bullmq}, many at once`,
    ingest: program('bullmq-text-ingest.ts'),
    worker: program('bullmq-bulk-worker.ts'),
    table: sessions,
  },
  {
    name: `${pgBoss}, a job an event`,
    ingest: program('pg-boss-ingest.ts'),
    worker: program('pg-boss-worker.ts'),
    table: sessions,
  },
  {
    name: `${pgBoss}, many at once`,
    ingest: program('pg-boss-bulk-ingest.ts'),
    worker: program('pg-boss-bulk-worker.ts'),
    table: sessions,
  },
  {
    name: `${graphile}, a job an event`,
    ingest: program('graphile-ingest.ts'),
    worker: program('graphile-worker.ts'),
    table: sessions,
  },
  {
    name: `${graphile}, many at once`,
    ingest: program('graphile-bulk-ingest.ts'),
    worker: program('graphile-bulk-worker.ts'),
    table: sessions,
  },
]

function program(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}

/** @returns the first numbers of the installed version: 1 for the major, 2 when the major is 0. */
function versionOf(packageName: string, numbers: number): string {
  const manifest = readFileSync(findPackageJSON(packageName, import.meta.url)!, 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  return version.split('.').slice(0, numbers).join('.')
}
