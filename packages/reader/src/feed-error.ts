import { StorageFault, toStorageFault } from '@vss-pipeline/storage'
import pg from 'pg'

/**
 * The feed refuses a reader, and will go on to: somebody must act. The message says what to do.
 *
 * - `22023`, `VF001` and on: the SQLSTATE of Postgres' error, as docs/consuming.md explains it.
 * - `standby`: the server takes no commits of a consumer.
 * - `no_consumer`: there is a commit, and no consumer to commit for.
 * - `ended`: the reader has ended already.
 */
export class FeedError extends Error {
  override readonly name = 'FeedError'
  readonly code: '22023' | `VF${string}` | 'standby' | 'no_consumer' | 'ended'

  constructor(code: FeedError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The cursor is of a feed that the server does not know. */
const otherFeed = 'VF001'

/** After a failover the feed goes on when a worker has given it a heartbeat, which takes a second or two. */
const mendsItself = 'VF005'

/** Turns any error of a read or a commit into its meaning for a reader of the feed. */
export function toFeedError(error: unknown, consumer: string | undefined): FeedError | StorageFault {
  if (error instanceof FeedError) return error
  if (!(error instanceof pg.DatabaseError) || !isOfFeed(error.code)) return toStorageFault(error)
  if (error.code === mendsItself) {
    return new StorageFault('database_unavailable', error.message, { sqlState: error.code })
  }
  const remedy = consumer === undefined ? undefined : remedyFor(error.code, consumer)
  const told = `${error.message} (SQLSTATE ${error.code})`
  return new FeedError(error.code, remedy === undefined ? told : `${told}: ${remedy}`, { cause: error })
}

/** Whether the server does not know the feed of the cursor. */
export function isOfOtherFeed(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === otherFeed
}

function isOfFeed(sqlState: string | undefined): sqlState is '22023' | `VF${string}` {
  // The messages of 22023 are the feed's own too: a statement of the feed has no other parameters to refuse.
  return sqlState !== undefined && /^(22023|VF)/.test(sqlState)
}

/** The message speaks to people who write SQL. */
function remedyFor(sqlState: string, consumer: string): string | undefined {
  if (sqlState === otherFeed) return `forget the old cursor with "vss consumers remove ${consumer}"`
  if (sqlState === 'VF004') return 'give each process a consumer of its own'
  return undefined
}

/**
 * Whether the same may succeed later by itself: the connection broke, the server is away, busy or starting, or it ended
 * this attempt, as a standby does when a read is in the way of its primary.
 */
export function isPassing(error: FeedError | StorageFault): boolean {
  if (error instanceof FeedError) return false
  const { code, sqlState = '' } = error
  return code === 'database_unavailable' || code === 'database_busy' || /^(40|57014)/.test(sqlState)
}

/** Whether user, password or database are wrong: as long as nothing has succeeded yet, waiting does not mend them. */
export function isWrongAddress({ sqlState = '' }: Pick<StorageFault, 'sqlState'>): boolean {
  return /^(28|3D)/.test(sqlState)
}
