/** Calls `close` on SIGTERM. When all is closed, the process ends by itself with code 0. */
export function onSigterm(close: () => Promise<unknown>): void {
  process.once('SIGTERM', () => void close())
}
