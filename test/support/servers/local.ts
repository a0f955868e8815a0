import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTemporaryFolder, startStack } from '@vss-pipeline/local-stack'
import { readSetting } from '@vss-pipeline/runtime'
import { startTestPostgres } from './postgres.ts'
import type { GivenServers, TestServers } from './setup.ts'

/** Starts each server that is not given, on a free port and in a temporary folder. `stop` removes the folder too. */
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

/** Starts a process that stops the servers when this one is killed. @returns a function that ends it. */
function startSweeper(): () => void {
  // Its standard input ends with this process. It is detached, so that Ctrl-C in this terminal does not end it.
  const sweeper = spawn(process.execPath, [fileURLToPath(new URL('sweeper.ts', import.meta.url))], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  })
  sweeper.unref()
  return () => void sweeper.kill()
}

/**
 * On SIGINT and SIGTERM vitest exits without teardown; then an exit handler removes the folder. Testcontainers, which
 * looks for a Docker engine, loads the package signal-exit. That package kills the process before any exit handler
 * runs, if its own listener for the signal is the only one left. So this adds listeners that do nothing.
 */
function keepExitHandlers(): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  const listener = (): void => undefined
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}
