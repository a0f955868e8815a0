import { createGroupCommit, type GroupCommit } from '@vss-pipeline/runtime'

/**
 * Has requests that come while a statement is on its way share the next one; several may be on their way at once,
 * each worth its round trip.
 */
export function createRequestGroup<Item>(options: {
  connections: number
  commit: (items: Item[]) => Promise<unknown>
}): GroupCommit<Item> {
  const { connections, commit } = options
  return createGroupCommit<Item>({
    async commit(items) {
      await commit(items)
    },
    sizeOf: () => ({ count: 1, bytes: 0 }),
    maxCount: 500,
    maxBytes: Number.POSITIVE_INFINITY,
    maxInFlight: connections,
    minCountBeside: 16,
  })
}
