/** Holds a handler until its test opens the gate. */
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

/** Call it in afterEach, so that a failed test leaves no handler that waits for ever. */
export function openAllGates(): void {
  for (const gate of closedGates) gate.open()
}
