import type { AddressCheckup } from '@vss-pipeline/storage'
import type { Check } from '../finding.ts'
import { findLateReplica, replicaRemedy } from '../replica-lag.ts'
import { type Away, isAway } from './checkup.ts'

/** Where the addresses of the database lead; null for one that is not set. */
export interface Addresses {
  readonly usual: AddressCheckup | Away
  /** DATABASE_DIRECT_URL. */
  readonly direct: AddressCheckup | Away | null
  /** READ_DATABASE_URL. */
  readonly replica: AddressCheckup | Away | null
}

const behindPooler = 'docs/deploying.md, "Behind PgBouncer"'

/** Faults of the addresses, and of how they fit together. */
export const addressChecks = [
  {
    code: 'direct_url_missing',
    level: 'warning',
    remedy: `set DATABASE_DIRECT_URL to the address of Postgres itself: ${behindPooler}`,
    find: ({ usual, direct }) =>
      direct === null && readingOf(usual)?.pooling === 'transaction'
        ? ['DATABASE_URL leads through a transaction pooler, where vss migrate cannot run']
        : [],
  },
  {
    code: 'direct_url_pooled',
    level: 'error',
    remedy: `set it to the address of Postgres itself: ${behindPooler}`,
    find: ({ direct }) =>
      readingOf(direct)?.pooling === 'transaction'
        ? ['DATABASE_DIRECT_URL leads through a transaction pooler too, where vss migrate cannot run']
        : [],
  },
  {
    code: 'address_away',
    level: 'error',
    remedy: 'mend the way there, or correct it',
    find: (addresses) =>
      otherAddresses(addresses).flatMap(({ name, use, address }) =>
        address !== null && isAway(address) ? [`${name} leads to no Postgres that can be used: ${use}`] : [],
      ),
  },
  {
    code: 'address_elsewhere',
    level: 'error',
    remedy: 'set it to an address of the same database',
    find: (addresses) => {
      const usual = readingOf(addresses.usual)
      return otherAddresses(addresses).flatMap(({ name, address }) => {
        const other = readingOf(address)
        return usual && other && other.identity !== usual.identity
          ? [`${name} leads to another database than DATABASE_URL`]
          : []
      })
    },
  },
  {
    code: 'replica_behind',
    level: 'warning',
    remedy: replicaRemedy,
    find: ({ replica }) => findLateReplica(readingOf(replica)?.replica),
  },
] as const satisfies readonly Check<Addresses>[]

function otherAddresses({ direct, replica }: Addresses) {
  return [
    { name: 'DATABASE_DIRECT_URL', use: 'vss migrate cannot run', address: direct },
    { name: 'READ_DATABASE_URL', use: 'the console and vss can read nothing', address: replica },
  ]
}

function readingOf(address: AddressCheckup | Away | null): AddressCheckup | undefined {
  return address === null || isAway(address) ? undefined : address
}
