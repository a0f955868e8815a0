import { createGroupCommit, type GroupCommit } from '@vss-pipeline/runtime'

/**
 * Groups requests: those that come while a statement is on its way share the next one. Several statements may be on
 * their way at once, if each has enough requests to be worth a round trip.
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
