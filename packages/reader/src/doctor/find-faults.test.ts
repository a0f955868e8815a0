import type { PrimaryCheckup, RedisCheckup } from '@vss-pipeline/queue'
import type { AddressCheckup, DatabaseCheckup } from '@vss-pipeline/storage'
import { expect, test } from 'vitest'
import type { Addresses } from './address-checks.ts'
import type { Checkup } from './checkup.ts'
import { findFaults } from './find-faults.ts'

const nowMs = Date.UTC(2026, 2, 1)
const process = {
  place: 'host',
  version: '1.2.3',
  shards: 1,
  startedAtMs: nowMs,
  clockMs: nowMs,
  toldAtMs: nowMs,
}

const primary: PrimaryCheckup = {
  node: null,
  isReplica: false,
  replicas: 1,
  isFileFailing: false,
  hasMemoryLimit: true,
  needsAllOthers: null,
}

const redis: RedisCheckup = {
  prefix: '{vss}',
  isPrefixKnown: true,
  queue: {
    jobs: { waiting: 0, active: 0, delayed: 0, failed: 0 },
    deliveries: 0,
    oldestWaitingSeconds: 0,
    isPaused: false,
    awayShards: [],
  },
  shards: [],
  processes: {
    running: [
      {
        ...process,
        id: 'w',
        service: 'worker',
        isDatabaseThere: true,
        shardsRead: [0],
        payloadVersions: [1, 2, 3],
      },
      {
        ...process,
        id: 'i',
        service: 'ingest',
        payloadVersion: 3,
        waitReplicas: 1,
        spool: {
          deliveries: 0,
          bytes: 0,
          maxBytes: 100,
          diskFreeBytes: 100,
          oldestMs: null,
          notEmptySinceMs: null,
        },
        hasSecret: true,
        lastHour: { accepted: 1, refused: {} },
        lastReceivedAtMs: nowMs,
      },
    ],
    unreadable: 0,
    lastToldAtMs: { ingest: nowMs, worker: nowMs },
    nowMs,
  },
  redis: {
    node: null,
    version: '7.0.15',
    usedBytes: 1,
    maxBytes: 100,
    isAppendOnly: true,
    appendFsync: 'always',
    evictionPolicy: 'noeviction',
    isNearlyFull: false,
  },
  durabilityProblems: [],
  primaries: [primary],
  // Redis is 10 s ahead of this machine, give or take 1 s.
  clock: { askedAtMs: nowMs, answeredAtMs: nowMs + 2_000, itsTimeMs: nowMs + 11_000 },
}

const database: DatabaseCheckup = {
  version: '18.1',
  majorVersion: 18,
  encoding: 'UTF8',
  isReadOnly: false,
  workerRoles: [{ name: 'vss_writer', isSuperuser: false, ownsSchema: false }],
  missingRoles: [],
  schema: { state: 'there', missing: [], unknown: [] },
  missingPartitions: [],
  settings: { durabilityOff: [], idleInTransactionTimeoutMs: 600_000, transactionTimeoutMs: 0 },
  clock: { aheadMs: 10_000, uncertaintyMs: 0 },
}

const address: AddressCheckup = { pooling: 'none', identity: '7/5', replica: null }

function checkup(
  ofRedis: Partial<RedisCheckup> = {},
  ofDatabase: Partial<DatabaseCheckup> = {},
  ofAddresses: Partial<Addresses> = {},
): Checkup {
  return {
    redis: { ...redis, ...ofRedis },
    database: { ...database, ...ofDatabase },
    addresses: { usual: address, direct: null, replica: null, ...ofAddresses },
    command: { version: '1.2.3' },
  }
}

test('a sound system has no fault', () => {
  expect(findFaults(checkup())).toEqual([])
})

/** These cannot be planted on servers of tests. test/e2e/cli/doctor.test.ts plants the others. */
test.each<[code: string, text: string, Checkup]>([
  [
    'postgres_too_old',
    'Postgres is version 14.9: 15 or later is needed',
    checkup({}, { majorVersion: 14, version: '14.9' }),
  ],
  [
    'postgres_untested',
    'Postgres is version 19.0: this release is tested up to 18',
    checkup({}, { majorVersion: 19, version: '19.0' }),
  ],
  [
    'redis_file_failing',
    'Redis could not write its append-only file, which keeps the deliveries',
    checkup({ primaries: [{ ...primary, isFileFailing: true }] }),
  ],
  [
    'redis_file_failing',
    'the primary 10.0.0.5:6379 of Redis could not write its append-only file, which keeps the deliveries',
    checkup({ primaries: [primary, { ...primary, node: '10.0.0.5:6379', isFileFailing: true }] }),
  ],
  [
    'replicas_missing',
    'ingest waits for 1 replica to have a delivery, and the primary 10.0.0.5:6379 of Redis has 0',
    checkup({ primaries: [primary, { ...primary, node: '10.0.0.5:6379', replicas: 0 }] }),
  ],
  [
    'redis_without_limit',
    'the primary 10.0.0.5:6379 of Redis has no maxmemory: while Postgres is away it may take all memory, and be killed',
    checkup({ primaries: [primary, { ...primary, node: '10.0.0.5:6379', hasMemoryLimit: false }] }),
  ],
  [
    'redis_needs_all_slots',
    'the primary 10.0.0.5:6379 of Redis refuses everything while any other primary is away',
    checkup({ primaries: [primary, { ...primary, node: '10.0.0.5:6379', needsAllOthers: true }] }),
  ],
  [
    'redis_not_durable',
    'Redis is version 6.0: 6.2 or newer is needed',
    checkup({ durabilityProblems: ['Redis is version 6.0: 6.2 or newer is needed'] }),
  ],
  [
    'clocks_differ',
    'the clock of Postgres is 3.5 s ahead of that of Redis',
    checkup({}, { clock: { aheadMs: 13_500, uncertaintyMs: 0 } }),
  ],
  [
    'clocks_differ',
    'the clock of Postgres is 10 s behind that of Redis',
    checkup({}, { clock: { aheadMs: 0, uncertaintyMs: 0 } }),
  ],
  [
    'worker_too_mighty',
    'workers connect as "vss", which owns the schema: a stolen password could read and change all',
    checkup({}, { workerRoles: [{ name: 'vss', isSuperuser: false, ownsSchema: true }] }),
  ],
])('%s: %s', (code, text, facts) => {
  expect(findFaults(facts)).toMatchObject([{ code, text }])
})

const away = { problem: 'away', awayBecause: 'nobody answers' } as const

test.each<[code: string, text: string, Partial<Addresses>]>([
  [
    'direct_url_missing',
    'DATABASE_URL leads through a transaction pooler, where vss migrate cannot run',
    { usual: { ...address, pooling: 'transaction' } },
  ],
  [
    'direct_url_pooled',
    'DATABASE_DIRECT_URL leads through a transaction pooler too, where vss migrate cannot run',
    { direct: { ...address, pooling: 'transaction' } },
  ],
  [
    'address_away',
    'DATABASE_DIRECT_URL leads to no Postgres that can be used: vss migrate cannot run',
    { direct: away },
  ],
  [
    'address_away',
    'READ_DATABASE_URL leads to no Postgres that can be used: the console and vss can read nothing',
    { replica: away },
  ],
  [
    'address_elsewhere',
    'READ_DATABASE_URL leads to another database than DATABASE_URL',
    { replica: { ...address, identity: '7/6' } },
  ],
  [
    'replica_behind',
    'rows are read from a replica whose latest change is 11 s old',
    { replica: { ...address, replica: { behindSeconds: 11 } } },
  ],
  [
    'replica_behind',
    'rows are read from a replica that has had no change since it started',
    { replica: { ...address, replica: { behindSeconds: null } } },
  ],
])('%s: %s', (code, text, addresses) => {
  expect(findFaults(checkup({}, {}, addresses))).toMatchObject([{ code, text }])
})

test('a pooler with an address beside it, and a replica that keeps up, are no fault', () => {
  const addresses: Addresses = {
    usual: { ...address, pooling: 'transaction' },
    direct: address,
    replica: { ...address, replica: { behindSeconds: 2 } },
  }
  expect(findFaults(checkup({}, {}, addresses))).toEqual([])
})

test('a difference of clocks that may be the time of the answer is none', () => {
  expect(findFaults(checkup({}, { clock: { aheadMs: 13_500, uncertaintyMs: 1_000 } }))).toEqual([])
})

test('a fault that somebody must see to now comes first', () => {
  const findings = findFaults(
    checkup(
      { primaries: [{ ...primary, isReplica: true }] },
      { encoding: 'LATIN1', missingRoles: ['vss_reader'] },
    ),
  )
  expect(findings.map(({ level, code }) => `${level} ${code}`)).toEqual([
    'error redis_is_replica',
    'error postgres_not_utf8',
    'warning roles_missing',
  ])
})
