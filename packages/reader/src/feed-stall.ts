import type { FeedState } from './feed.ts'

/** A worker's transaction ends within a second, and a long one of another program within several. */
export const feedStall = { warningAfterSeconds: 10, errorAfterSeconds: 60 }

export const feedRemedy =
  'whoever runs that program must end its transaction: docs/consuming.md, "When no changes come"'

/** Names whoever must act. Names are chosen by other programs, and so are quoted. */
export function describeStall({ heldSeconds, holder }: FeedState): string {
  const stall = `the change feed has shown no new change for ${Math.floor(heldSeconds)} s`
  if (holder.kind === 'unknown') return `${stall}: the primary of this standby knows why`
  if (holder.kind === 'nobody') return `${stall}: the transaction that it waited for has just ended`
  const subject =
    holder.kind === 'connection'
      ? `connection ${holder.pid} (application ${JSON.stringify(holder.applicationName ?? '')})`
      : `the prepared transaction ${JSON.stringify(holder.preparedName)}`
  const since = holder.since === null ? '' : `, open since ${holder.since}`
  return `${stall}: it waits for ${subject} in database ${JSON.stringify(holder.databaseName ?? '')}${since}`
}
