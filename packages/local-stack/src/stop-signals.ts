/** One Ctrl-C arrives twice, within this time: from the terminal, and from npm, which passes it on. */
const samePressMs = 500
const parentPollMs = 500

/**
 * Aborts on the first SIGINT (Ctrl-C), SIGTERM or SIGHUP (a closed terminal), and on the end of the npm that runs this
 * process. Calls `force` on a second signal that is not the echo of the first.
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
  // A write to a closed terminal fails. Unhandled, the error would end this process before the rest has stopped.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)
  if (options.isRunByNpm) onParentGone(() => abortedAt ?? abort('the end of npm'))
  return controller.signal
}

/** An npm that was killed has sent no signal. The process then gets another parent, which is polled for. */
function onParentGone(callback: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    callback()
  }, parentPollMs)
  timer.unref()
}
