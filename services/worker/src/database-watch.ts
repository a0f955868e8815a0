import { repeatEvery } from '@vss-pipeline/runtime'
import type { Lifecycle } from '@vss-pipeline/runtime/service'
import { type Pool, pingDatabase } from '@vss-pipeline/storage'

const intervalMs = 1_000

/** The last answer of Postgres; silence is a no. Null before the first one. */
export interface DatabaseWatch {
  readonly isThere: boolean | null
}

/** Asks Postgres each second whether it takes this worker's rows. */
export function watchDatabase(deps: { pool: Pool; lifecycle: Lifecycle }): DatabaseWatch {
  const { pool, lifecycle } = deps
  let isThere: boolean | null = null

  async function look(): Promise<void> {
    isThere = await pingDatabase(pool).then(
      () => true,
      () => false,
    )
  }

  function missed(): void {
    isThere = false
  }

  void look()
  lifecycle.onClose('database watch', repeatEvery(intervalMs, look, { onOverlap: missed }))
  return {
    get isThere() {
      return isThere
    },
  }
}
