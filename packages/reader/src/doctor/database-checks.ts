import { displaySpan } from '@vss-pipeline/runtime'
import type { DatabaseCheckup } from '@vss-pipeline/storage'
import type { Check } from '../finding.ts'

const oldestVersion = 15
const newestVersion = 18

/** A flush takes up to half a minute for a statement, and has a few of them. */
const shortestTransactionTimeoutMs = 60_000

/** Faults of Postgres, of its settings, of the schema and of the roles. */
export const databaseChecks = [
  {
    code: 'postgres_too_old',
    level: 'error',
    remedy: 'move to Postgres 15 or later',
    find: ({ majorVersion, version }) =>
      majorVersion < oldestVersion
        ? [`Postgres is version ${version}: ${oldestVersion} or later is needed`]
        : [],
  },
  {
    code: 'postgres_untested',
    level: 'warning',
    remedy: 'see whether a later release of the pipeline knows it',
    find: ({ majorVersion, version }) =>
      majorVersion > newestVersion
        ? [`Postgres is version ${version}: this release is tested up to ${newestVersion}`]
        : [],
  },
  {
    code: 'postgres_not_utf8',
    level: 'error',
    remedy: 'docs/operating.md, "Upgrading", says how to move it',
    find: ({ encoding }) =>
      encoding === 'UTF8' ? [] : [`the database has encoding ${encoding}, and workers need UTF8`],
  },
  {
    code: 'postgres_read_only',
    level: 'warning',
    remedy: 'give workers an address that follows the primary',
    find: ({ isReadOnly }) =>
      isReadOnly ? ['this Postgres takes no writes: it is a standby, or was made read-only'] : [],
  },
  {
    code: 'not_migrated',
    level: 'error',
    remedy: 'run vss migrate as the owner of the schema',
    find({ schema }) {
      if (schema.state === 'absent') return ['the database has no schema vss']
      if (schema.state !== 'there' || schema.missing.length === 0) return []
      return [`the schema lacks migrations of this release: ${schema.missing.join(', ')}`]
    },
  },
  {
    code: 'schema_too_new',
    level: 'warning',
    remedy: 'update workers, ingest and this command to the release that made it',
    find: ({ schema }) =>
      schema.state === 'there' && schema.unknown.length > 0
        ? [`the schema has migrations that this release does not know: ${schema.unknown.join(', ')}`]
        : [],
  },
  {
    code: 'schema_unreadable',
    level: 'warning',
    remedy: 'look as vss_reader, after vss migrate of this release',
    find: ({ schema }) =>
      schema.state === 'not readable' ? ['this role may not see which migrations the schema has'] : [],
  },
  {
    code: 'partitions_missing',
    level: 'warning',
    remedy: 'start a worker, which makes them each day, or run vss migrate',
    find: ({ missingPartitions }) =>
      missingPartitions.length > 0 ? [`the ledger has no partition ${missingPartitions.join(', ')}`] : [],
  },
  {
    code: 'roles_missing',
    level: 'warning',
    remedy: 'run deploy/postgres/roles.sql: docs/deploying.md, "Managed Postgres"',
    find: ({ missingRoles }) =>
      missingRoles.length > 0
        ? [`these roles are missing, or may not use the schema: ${missingRoles.join(', ')}`]
        : [],
  },
  {
    code: 'worker_too_mighty',
    level: 'warning',
    remedy: 'give workers the URL of vss_writer: docs/deploying.md, "Managed Postgres"',
    find: ({ workerRoles }) =>
      workerRoles
        .filter(({ isSuperuser, ownsSchema }) => isSuperuser || ownsSchema)
        .map(
          ({ name, isSuperuser }) =>
            `workers connect as ${JSON.stringify(name)}, which ${isSuperuser ? 'is a superuser' : 'owns the schema'}: a stolen password could read and change all`,
        ),
  },
  {
    code: 'postgres_not_durable',
    level: 'warning',
    remedy: 'set them to on: Redis forgets a delivery when its row is committed',
    find: ({ settings }) =>
      settings.durabilityOff.map(
        (name) => `${name} is off: a crash of Postgres loses rows that were committed`,
      ),
  },
  {
    code: 'no_idle_timeout',
    level: 'warning',
    remedy: 'set it for the whole server, such as to 10min: docs/deploying.md, "Managed Postgres"',
    find: ({ settings }) =>
      settings.idleInTransactionTimeoutMs === 0
        ? [
            'idle_in_transaction_session_timeout is not set: a transaction that a program forgets holds the change feed for ever',
          ]
        : [],
  },
  {
    code: 'transaction_timeout_short',
    level: 'error',
    remedy: 'set it to a minute or more, or to 0 for the roles of the pipeline',
    find: ({ settings: { transactionTimeoutMs } }) =>
      transactionTimeoutMs > 0 && transactionTimeoutMs < shortestTransactionTimeoutMs
        ? [
            `transaction_timeout is ${displaySpan(transactionTimeoutMs / 1_000)}: it ends the transactions of workers`,
          ]
        : [],
  },
] as const satisfies readonly Check<DatabaseCheckup>[]
