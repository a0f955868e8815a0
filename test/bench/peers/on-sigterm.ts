/** Calls `close` on SIGTERM. Once all is closed nothing keeps the process, so it ends by itself with code 0. */
export function onSigterm(close: () => Promise<unknown>): void {
  process.once('SIGTERM', () => void close())
}
