/** Blocks this thread. It is for the end of a process, when nothing else has to run any more. */
export function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
