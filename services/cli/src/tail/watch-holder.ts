import { type FeedState, readFeedState } from '@vss-pipeline/reader'
import { displaySpan, repeatEvery } from '@vss-pipeline/runtime'
import { closePool, createPool } from '@vss-pipeline/storage'
import { displayValue } from '../text.ts'

/** A transaction that is open for less is none to tell of: a flush takes milliseconds. */
const lookEveryMs = 2_000

/**
 * Tells, once for each, of a transaction that holds the feed back for some seconds.
 *
 * @returns `noteChanges` to say that changes came, and that nobody need look.
 */
export function watchHolder(
  databaseUrl: string,
  tell: (text: string) => void,
): { noteChanges(): void; stop(): Promise<void> } {
  const pool = createPool({ databaseUrl, maxConnections: 1, applicationName: 'vss-cli' })
  let areChangesComing = false
  let seen: string | undefined
  let told: string | undefined

  async function look(): Promise<void> {
    if (areChangesComing) {
      areChangesComing = false
      return
    }
    // The follower tells of a Postgres that is away.
    const holder = (await readFeedState(pool, { maxConsumers: 0 }).catch(() => undefined))?.holder
    if (holder === undefined || holder.kind === 'nobody' || holder.kind === 'unknown') {
      seen = undefined
      return
    }
    const isSame = holder.barrier === seen
    seen = holder.barrier
    if (!isSame || holder.barrier === told) return
    told = holder.barrier
    tell(explain(holder))
  }

  const stopLooking = repeatEvery(lookEveryMs, look)
  return {
    noteChanges() {
      areChangesComing = true
    },
    async stop() {
      stopLooking()
      await closePool(pool)
    },
  }
}

function explain({ since, pid, preparedName, databaseName, applicationName }: FeedState['holder']): string {
  const ageSeconds = since === null ? null : Math.max(0, (Date.now() - Date.parse(since)) / 1000)
  const span = ageSeconds === null ? '' : `, open for ${displaySpan(ageSeconds)}`
  const where = `in database ${displayValue(databaseName)}`
  const who =
    preparedName === null
      ? `the transaction of connection ${pid} (${displayValue(applicationName) || 'no name'}) ${where}`
      : `the prepared transaction ${displayValue(preparedName)} ${where}`
  return `the feed waits for ${who}${span}: docs/consuming.md, "When no changes come"`
}
