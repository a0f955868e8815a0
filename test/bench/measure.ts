/** What one contestant reached, one sample a round. */
export interface Measured {
  name: string
  samples: number[]
}

export interface Contestant {
  name: string
  /** Starts from scratch, measures once, and leaves nothing running. */
  measure(round: number): Promise<number>
}

/**
 * Measures contestants side by side: all of them in every round, so that whatever else the machine is at falls on
 * each of them alike.
 */
export async function sideBySide(options: {
  contestants: readonly Contestant[]
  rounds: number
  onStep: (step: string) => void
}): Promise<Measured[]> {
  const { contestants, rounds, onStep } = options
  const measured = contestants.map(({ name }): Measured => ({ name, samples: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      onStep(`${contestant.name}, round ${round + 1} of ${rounds}`)
      measured[index]!.samples.push(await contestant.measure(round))
    }
  }
  return measured
}

/** The middle sample, or the mean of the middle two. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle - 1)]!) / 2
}

/** How many times the median of `one` is that of `other`. */
export function ratio(measured: readonly Measured[], one: string, other: string): number {
  return median(samplesOf(measured, one)) / median(samplesOf(measured, other))
}

export function samplesOf(measured: readonly Measured[], name: string): number[] {
  const found = measured.find((entry) => entry.name === name)
  if (!found) throw new Error(`nothing was measured of ${name}`)
  return found.samples
}
