import { repeatEvery } from '@vss-pipeline/runtime'
import type { Lifecycle } from '@vss-pipeline/runtime/service'
import { type Pool, pingDatabase } from '@vss-pipeline/storage'

const intervalMs = 1_000

/** Asks Postgres each second whether it takes this worker's rows. @returns the last answer; silence is a no. */
export function watchDatabase(deps: { pool: Pool; lifecycle: Lifecycle }): { readonly isThere: boolean } {
  const { pool, lifecycle } = deps
  let isThere = false

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
