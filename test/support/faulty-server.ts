import type { RunningServer } from '@vss-pipeline/local-stack'

/** A Redis or a Postgres of a test's own, that it may stop, kill and freeze. It keeps its port and its data. */
export interface FaultyServer {
  readonly pid: number
  /** The same after every start. */
  readonly url: string
  /** Harmless while it runs. */
  start(): Promise<void>
  stop(): Promise<void>
  /** As {@link killProcess} does. */
  kill(): Promise<void>
  /** It keeps its connections and answers nothing, until `thaw`. */
  freeze(): void
  thaw(): void
}

/** As a power cut would: with SIGKILL. Resolves when the process has ended. */
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
