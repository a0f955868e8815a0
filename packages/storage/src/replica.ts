import type { ClientBase } from 'pg'

/** How far a replica is behind. */
export interface ReplicaState {
  /**
   * The age of the latest change that it has. While a worker runs there is one each second, so more than that is what
   * the replica lacks. Null where it has had none since it started.
   */
  readonly behindSeconds: number | null
}

/** Reads how far this replica is behind; null on a primary. */
export async function readReplicaState(client: Pick<ClientBase, 'query'>): Promise<ReplicaState | null> {
  const { rows } = await client.query<{ isReplica: boolean; behindSeconds: number | null }>(
    `SELECT pg_is_in_recovery() AS "isReplica",
       greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::double precision
         AS "behindSeconds"`,
  )
  const { isReplica, behindSeconds } = rows[0]!
  return isReplica ? { behindSeconds } : null
}
