import { connectClient } from './client.ts'
import { toStorageFault } from './errors.ts'
import { findPooling, type Pooling } from './pooling.ts'
import { type ReplicaState, readReplicaState } from './replica.ts'

/** The things that an address of a database leads to, for `vss doctor`. It judges nothing. */
export interface AddressCheckup {
  readonly pooling: Pooling
  /** The same for a primary and its replicas. */
  readonly identity: string
  /** Null on a primary. */
  readonly replica: ReplicaState | null
}

/** Reads where a URL of Postgres leads. Any role may. @throws StorageFault */
export async function readAddressCheckup(databaseUrl: string): Promise<AddressCheckup> {
  const pooling = await findPooling(databaseUrl)
  try {
    const client = await connectClient(databaseUrl, { application_name: 'vss-cli', query_timeout: 10_000 })
    try {
      const { rows } = await client.query<{ identity: string }>(
        `SELECT concat(
           (SELECT system_identifier FROM pg_control_system()), '/',
           (SELECT oid FROM pg_database WHERE datname = current_database())
         ) AS identity`,
      )
      return { pooling, identity: rows[0]!.identity, replica: await readReplicaState(client) }
    } finally {
      await client.end().catch(() => {})
    }
  } catch (error) {
    throw toStorageFault(error)
  }
}
