import type { RunningServer } from '@vss-pipeline/local-stack'

/** A Redis or a Postgres of one test, which may stop, kill and freeze it. A restart keeps its port and its data. */
export interface FaultyServer {
  readonly pid: number
  /** The same after every start. */
  readonly url: string
  /** Does nothing while the server runs. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Kills the server as {@link killProcess} does. */
  kill(): Promise<void>
  /** Freezes the server: it keeps its connections and answers nothing until `thaw`. */
  freeze(): void
  thaw(): void
}

/** Ends a process with SIGKILL, so that it can finish nothing. Resolves when the process has ended. */
export async function killProcess({ pid, ended }: { pid: number; ended: Promise<string> }): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await ended
}

/** @param launch starts the server, on the port that its folder remembers. */
export async function startFaultyServer(launch: () => Promise<RunningServer>): Promise<FaultyServer> {
  let server = await launch()
  let isRunning = true
  let isFrozen = false
  const { url } = server
  function freeze(): void {
    process.kill(server.pid, 'SIGSTOP')
    isFrozen = true
  }
  function thaw(): void {
    if (isFrozen) process.kill(server.pid, 'SIGCONT')
    isFrozen = false
  }
  return {
    get pid() {
      return server.pid
    },
    url,
    async start() {
      if (!isRunning) server = await launch()
      isRunning = true
    },
    async stop() {
      thaw()
      await server.stop()
      isRunning = false
    },
    async kill() {
      await killProcess(server)
      isRunning = false
      isFrozen = false
    },
    freeze,
    thaw,
  }
}
