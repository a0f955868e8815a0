/** Blocks this thread: for the last moments of a process, when nothing else is to run any more. */
export function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
