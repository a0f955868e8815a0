import { createTemporaryFolder, startStack } from '@vss-pipeline/local-stack'
import type { GivenServers, TestServers } from './setup.ts'

/** Starts what is not given on free ports, in a temporary folder that goes with them. */
export async function startLocalServers(given: GivenServers): Promise<TestServers> {
  const folder = await createTemporaryFolder()
  try {
    const stack = await startStack({
      ...given,
      folder: folder.path,
      ports: { postgres: 0, redis: 0 },
      log: console.log,
    })
    return { databaseUrl: stack.databaseUrl, redisUrl: stack.redisUrl, stop: folder.remove }
  } catch (error) {
    await folder.remove()
    throw error
  }
}
