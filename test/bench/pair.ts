import type { Running } from './contestant.ts'
import type { BenchServers } from './servers.ts'
import type { Slice } from './slices.ts'

/** Slices by their kind, such as `drain`. */
export type Slices = Record<string, Slice[]>

interface Starter<Started> {
  start(servers: BenchServers): Promise<Started>
}

/**
 * Starts two contestants at once and gives them work in turns of a few seconds, so that other work of the machine
 * disturbs both alike. Call it several times for several starts, because a process can be fast or slow as a whole.
 *
 * @param options.warmUp gives a contestant work before the first turn
 * @param options.measure measures one turn: a slice of each kind
 */
export async function measurePair<Started extends Running = Running>(options: {
  servers: BenchServers
  contestants: readonly [Starter<Started>, Starter<Started>]
  turns: number
  warmUp: (running: Started) => Promise<unknown>
  measure: (running: Started) => Promise<Readonly<Record<string, Slice>>>
}): Promise<[Slices, Slices]> {
  const { servers, contestants, turns, warmUp, measure } = options
  const pair: { running: Started; slices: Slices }[] = []
  try {
    for (const contestant of contestants) {
      pair.push({ running: await contestant.start(servers), slices: {} })
    }
    for (const { running } of pair) await warmUp(running)
    for (let turn = 0; turn < turns; turn++) {
      // The order is A B, B A, so that neither always comes first.
      for (const { running, slices } of turn % 2 === 0 ? pair : pair.toReversed()) {
        for (const [kind, slice] of Object.entries(await measure(running))) {
          slices[kind] = [...(slices[kind] ?? []), slice]
        }
      }
    }
  } finally {
    for (const { running } of pair) await running.stop()
  }
  return [pair[0]!.slices, pair[1]!.slices]
}
