import { displaySpan } from '@vss-pipeline/runtime'
import type { ReplicaState } from '@vss-pipeline/storage'

/** A worker changes something each second, and a replica has it within a second more. */
export const lateReplicaSeconds = 10

export const replicaRemedy =
  'see whether its replication has broken: docs/deploying.md, "A replica to read from"'

/** The replica in words, to follow "a replica": how old it is. */
export function describeReplica({ behindSeconds }: ReplicaState): string {
  return behindSeconds === null
    ? 'that has had no change since it started'
    : `whose latest change is ${displaySpan(behindSeconds)} old`
}

/** @returns a text where the replica lacks what it should have by now. */
export function findLateReplica(replica: ReplicaState | null | undefined): string[] {
  if (replica == null || (replica.behindSeconds ?? Number.POSITIVE_INFINITY) <= lateReplicaSeconds) return []
  return [`rows are read from a replica ${describeReplica(replica)}`]
}
