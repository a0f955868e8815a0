import {
  countReaders,
  findUnread,
  type IngestReport,
  type RedisCheckup,
  type RunningProcess,
} from '@vss-pipeline/queue'
import { displayBytes, displayCountOf } from '@vss-pipeline/runtime'
import type { Check } from '../finding.ts'
import type { Checkup } from './checkup.ts'

/** The processes, as Redis has them, and the command that looks. */
export interface ProcessFacts extends RedisCheckup {
  readonly command: Checkup['command']
}

/** Faults of the processes and of how they fit together. */
export const processChecks = [
  {
    code: 'no_spool',
    level: 'warning',
    remedy: 'set SPOOL_DIR to a folder on a disk that outlives the process',
    find: (facts) =>
      ingestsOf(facts)
        .filter(({ spool }) => spool === null)
        .map((ingest) => `${nameOf(ingest)} has no spool: while Redis is away it refuses deliveries`),
  },
  {
    code: 'spool_disk_small',
    level: 'warning',
    remedy: 'make room on that disk, or lower SPOOL_MAX_BYTES',
    find: (facts) => ingestsOf(facts).flatMap(describeSmallDisk),
  },
  {
    code: 'no_secret',
    level: 'warning',
    remedy: 'set WEBHOOK_SECRETS, and register it: docs/deploying.md, "Set it up at 8x8"',
    find: (facts) =>
      ingestsOf(facts)
        .filter(({ hasSecret }) => !hasSecret)
        .map((ingest) => `${nameOf(ingest)} takes deliveries without a secret`),
  },
  {
    code: 'payload_unreadable',
    level: 'error',
    remedy: 'update the workers: until then the batches wait in the queue',
    find: (facts) => {
      const workers = facts.processes.running.filter((process) => process.service === 'worker')
      const written = [...new Set(ingestsOf(facts).map(({ payloadVersion }) => payloadVersion))]
      return written
        .map((version) => ({
          version,
          blind: workers.filter(({ payloadVersions }) => !payloadVersions.includes(version)).length,
        }))
        .filter(({ blind }) => blind > 0)
        .map(
          ({ version, blind }) =>
            `${blind} of ${displayCountOf(workers.length, 'worker', 'workers')} cannot read the batches of ingest, which have version ${version}`,
        )
    },
  },
  {
    code: 'releases_differ',
    level: 'warning',
    remedy: 'bring all to one release: docs/operating.md, "Upgrading"',
    find({ processes, command }) {
      const all = [...processes.running, { service: 'this command', version: command.version }]
      const byVersion = Map.groupBy(all, ({ version }) => version)
      if (byVersion.size === 1) return []
      const parts = [...byVersion].map(([version, some]) => {
        const services = [...new Set(some.map(({ service }) => service))].sort()
        return `${services.join(' and ')} ${JSON.stringify(version)}`
      })
      return [`several releases run together: ${parts.join(', ')}`]
    },
  },
  {
    code: 'process_unreadable',
    level: 'warning',
    remedy: 'look with the vss of the latest release that runs',
    find: ({ processes: { unreadable } }) =>
      unreadable > 0
        ? [
            `${displayCountOf(unreadable, 'process tells', 'processes tell')} what this command cannot read, such as that of a later release`,
          ]
        : [],
  },
  {
    code: 'shard_unread',
    level: 'error',
    remedy:
      'start a worker of this release, or restart those that run: each reads every shard that holds batches',
    find({ shards, processes }) {
      const workers = processes.running.filter(({ service }) => service === 'worker').length
      // Without workers, all of them are unread, and that is another fault.
      if (workers === 0) return []
      const unread = findUnread(
        shards.map((reading) => ({ ...reading, workers: countReaders(processes, reading.shard) })),
      )
      return unread.length > 0 ? [`no worker reads ${displayShards(unread)}, which holds batches`] : []
    },
  },
  {
    code: 'shards_differ',
    level: 'warning',
    remedy: 'give workers the QUEUE_SHARDS of ingest: more first to workers, fewer first to ingest',
    find({ processes }) {
      const filled = Math.max(...ingestsOf({ processes }).map(({ shards }) => shards))
      const least = Math.min(
        ...processes.running.map((process) => (process.service === 'worker' ? process.shards : filled)),
      )
      return least < filled
        ? [
            `ingest fills ${filled} shards and a worker is told of ${least}: it finds the others a second later`,
          ]
        : []
    },
  },
] as const satisfies readonly Check<ProcessFacts>[]

function ingestsOf({ processes }: Pick<ProcessFacts, 'processes'>): (RunningProcess & IngestReport)[] {
  return processes.running.filter((process) => process.service === 'ingest')
}

function displayShards(shards: readonly number[]): string {
  return `shard ${shards.join(', ')}`
}

/** A place is chosen by whoever starts it, and so is quoted. */
function nameOf({ place }: IngestReport): string {
  return `ingest on ${JSON.stringify(place)}`
}

function describeSmallDisk(ingest: IngestReport): string[] {
  const { spool } = ingest
  if (spool === null || spool.diskFreeBytes === null) return []
  const { bytes, maxBytes, diskFreeBytes } = spool
  if (diskFreeBytes >= maxBytes - bytes) return []
  return [
    `the spool of ${nameOf(ingest)} may grow by ${displayBytes(maxBytes - bytes)}, and its disk has ${displayBytes(diskFreeBytes)} free`,
  ]
}
