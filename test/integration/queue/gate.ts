/** What a handler waits for until its test lets it go. */
export interface Gate {
  passed: Promise<void>
  open(): void
}

const closedGates = new Set<Gate>()

export function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>()
  const gate: Gate = {
    passed: promise,
    open() {
      closedGates.delete(gate)
      resolve()
    },
  }
  closedGates.add(gate)
  return gate
}

/** For afterEach: a test that failed must not leave handlers that wait for ever. */
export function openAllGates(): void {
  for (const gate of closedGates) gate.open()
}
