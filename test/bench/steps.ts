import { clearLine, cursorTo } from 'node:readline'

/** What is under way, on standard error: one line that changes on a terminal, a line each step elsewhere. */
export function showStep(): { show(step: string): void; clear(): void } {
  const { stderr } = process
  const startedAt = performance.now()
  function clear(): void {
    if (!stderr.isTTY) return
    clearLine(stderr, 0)
    cursorTo(stderr, 0)
  }
  return {
    show(step) {
      clear()
      const seconds = Math.round((performance.now() - startedAt) / 1000)
      stderr.write(`${seconds} s  ${step}${stderr.isTTY ? '' : '\n'}`)
    },
    clear,
  }
}
