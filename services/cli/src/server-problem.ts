import { hasAnswered } from '@vss-pipeline/queue'
import type { ServerProblem } from '@vss-pipeline/reader'
import { StorageFault } from '@vss-pipeline/storage'

/** Tells by the cause of a failure whether its server is away: one that has answered may refuse, or lack the schema. */
export function problemOf({ cause }: Error): ServerProblem {
  const isThere = cause instanceof StorageFault ? cause.code !== 'database_unavailable' : hasAnswered(cause)
  return isThere ? 'unusable' : 'away'
}
