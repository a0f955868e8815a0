import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { fileURLToPath } from 'node:url'
import { fillGraphile, fillPgBoss, fillTutorial } from './backlogs.ts'

/** A program, or a pair of them, that somebody would write instead of the pipeline. */
export interface Peer {
  /** For people; has the version that matters. */
  name: string
  /** The program that answers `POST /webhooks/vss` on PORT. */
  ingest: string
  /** The program that stores what ingest has queued; without one, ingest stores it or nobody does. */
  worker?: string
  /** Queues one job for each body, quickly, as ingest would have; before the worker is started. */
  fill?(servers: { databaseUrl: string; redisUrl: string }, bodies: readonly Uint8Array[]): Promise<void>
}

/** A peer with a queue between its two programs. */
export type QueuePeer = Required<Peer>

const bareHandler: Peer = {
  name: 'bare handler',
  ingest: program('bare-handler.ts'),
}

const insertInHandler: Peer = {
  name: 'insert in the handler',
  ingest: program('insert-in-handler.ts'),
}

const tutorial: QueuePeer = {
  name: `tutorial BullMQ ${versionOf('bullmq', 1)}`,
  ingest: program('tutorial-ingest.ts'),
  worker: program('tutorial-worker.ts'),
  fill: ({ redisUrl }, bodies) => fillTutorial(redisUrl, bodies),
}

const pgBoss: QueuePeer = {
  name: `pg-boss ${versionOf('pg-boss', 1)}`,
  ingest: program('pg-boss-ingest.ts'),
  worker: program('pg-boss-worker.ts'),
  fill: ({ databaseUrl }, bodies) => fillPgBoss(databaseUrl, bodies),
}

const graphile: QueuePeer = {
  name: `graphile-worker ${versionOf('graphile-worker', 2)}`,
  ingest: program('graphile-ingest.ts'),
  worker: program('graphile-worker.ts'),
  fill: ({ databaseUrl }, bodies) => fillGraphile(databaseUrl, bodies),
}

/** What the pipeline is measured against, and the limit that a bare handler sets. */
export const peers = { bareHandler, insertInHandler, tutorial, pgBoss, graphile }

function program(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}

/** The installed version's first numbers: 1 for the major, 2 where a major of 0 says little. */
function versionOf(packageName: string, numbers: number): string {
  const manifest = readFileSync(findPackageJSON(packageName, import.meta.url)!, 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  return version.split('.').slice(0, numbers).join('.')
}
