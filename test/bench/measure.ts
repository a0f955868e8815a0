/** The samples of one contestant, one a round. */
export interface Measured {
  name: string
  samples: number[]
}

/** A contestant as sideBySide() measures it. */
export interface Measurement {
  name: string
  /** Starts from scratch, measures once, and leaves nothing running. */
  measure(round: number): Promise<number>
}

/**
 * Measures all contestants in every round, so that other work of the machine disturbs all of them alike.
 */
export async function sideBySide(options: {
  contestants: readonly Measurement[]
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

/** @returns the middle sample, or the mean of the middle two. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle - 1)]!) / 2
}

/** A ratio that was measured many times. */
export interface Ratio {
  median: number
  /** The interval of the median at 95 % confidence, by the binomial distribution of ranks. */
  interval: [number, number]
  /** The interval of the middle half of the samples. */
  middleHalf: [number, number]
}

/** Computes the ratio of two rows of samples that were taken in turn. */
export function ratioOf(ones: readonly number[], others: readonly number[]): Ratio {
  const sorted = ones.map((one, index) => one / others[index]!).sort((one, other) => one - other)
  const at = (rank: number) => sorted[Math.min(Math.max(Math.round(rank), 0), sorted.length - 1)]!
  const last = sorted.length - 1
  const halfWidth = 0.98 * Math.sqrt(sorted.length)
  return {
    median: median(sorted),
    interval: [at(last / 2 - halfWidth), at(last / 2 + halfWidth)],
    middleHalf: [at(last / 4), at((3 * last) / 4)],
  }
}

export function samplesOf(measured: readonly Measured[], name: string): number[] {
  const found = measured.find((entry) => entry.name === name)
  if (!found) throw new Error(`there are no samples of ${name}`)
  return found.samples
}
