/** npm passes Ctrl-C on to the script that the terminal has already sent it to: one press arrives twice. */
const samePressMs = 500

/**
 * Turns SIGINT (Ctrl-C), SIGTERM and SIGHUP (a closed terminal) into an abort, once; after a second one, later
 * than the echo of the first, `force` is called.
 */
export function abortOnStopSignals(force: () => Promise<void>): AbortSignal {
  const controller = new AbortController()
  let firstAt: number | undefined
  function onSignal(name: NodeJS.Signals): void {
    if (firstAt === undefined) {
      firstAt = performance.now()
      controller.abort(new Error(`stopped by ${name}`))
    } else if (performance.now() - firstAt > samePressMs) {
      void force()
    }
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal)
  // A terminal that has gone away must not end us before everything is stopped.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)
  return controller.signal
}
