import { clearLine, cursorTo } from 'node:readline'

/** Shows the present step on standard error: on a terminal in one line that changes, elsewhere in a line each. */
export interface Steps {
  show(step: string): void
  clear(): void
}

export function showStep(): Steps {
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
