import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTemporaryFolder, startStack } from '@vss-pipeline/local-stack'
import { readSetting } from '@vss-pipeline/runtime'
import { startTestPostgres } from './postgres.ts'
import type { GivenServers, TestServers } from './setup.ts'

/** Starts what is not given on free ports, in a temporary folder that goes with them. */
export async function startLocalServers(given: GivenServers): Promise<TestServers> {
  const unkeep = keepExitHandlers()
  const endSweeper = startSweeper()
  const folder = await createTemporaryFolder()
  async function stop(): Promise<void> {
    await folder.remove()
    endSweeper()
    unkeep()
  }
  try {
    const ports = { postgres: 0, redis: 0 }
    const mayInstallRedis = !readSetting(process.env, 'npm start', 'VSS_NO_APT')
    const databaseUrl = given.databaseUrl ?? (await startTestPostgres(join(folder.path, 'postgres'))).url
    const stack = await startStack({
      ...given,
      databaseUrl,
      folder: folder.path,
      ports,
      mayInstallRedis,
      log: console.log,
    })
    return { databaseUrl: stack.databaseUrl, redisUrl: stack.redisUrl, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Starts what stops the servers when this process is killed. @returns what ends it. */
function startSweeper(): () => void {
  // The end of its standard input is the end of this process. Ctrl-C, for all in this terminal, is none of its business.
  const sweeper = spawn(process.execPath, [fileURLToPath(new URL('sweeper.ts', import.meta.url))], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  })
  sweeper.unref()
  return () => void sweeper.kill()
}

/**
 * On SIGINT and SIGTERM vitest exits without teardown, and the folder is removed by an exit handler. But
 * testcontainers, asked whether there is a Docker, brings the package signal-exit, which kills the process before
 * any such handler where it finds itself the only listener left. With these it does not.
 */
function keepExitHandlers(): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  const listener = (): void => undefined
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}
