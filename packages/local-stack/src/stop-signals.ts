/** npm passes Ctrl-C on to the script that the terminal has already sent it to: one press arrives twice. */
const samePressMs = 500
const parentPollMs = 500

/**
 * Turns SIGINT (Ctrl-C), SIGTERM, SIGHUP (a closed terminal) and the end of the npm that runs us into an abort,
 * once; after a second signal, later than the echo of the first, `force` is called.
 */
export function abortOnStopSignals(options: {
  isRunByNpm: boolean
  force: () => Promise<void>
}): AbortSignal {
  const controller = new AbortController()
  let abortedAt: number | undefined
  function abort(why: string): void {
    abortedAt = performance.now()
    controller.abort(new Error(`stopped by ${why}`))
  }
  function onSignal(name: NodeJS.Signals): void {
    if (abortedAt === undefined) abort(name)
    else if (performance.now() - abortedAt > samePressMs) void options.force()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal)
  // A terminal that has gone away must not end us before everything is stopped.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)
  if (options.isRunByNpm) onParentGone(() => abortedAt ?? abort('the end of npm'))
  return controller.signal
}

/** An npm that was killed outright has told nobody: all there is to see is that the parent is another one. */
function onParentGone(callback: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    callback()
  }, parentPollMs)
  timer.unref()
}
