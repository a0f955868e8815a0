import type { Contestant, Running } from './contestant.ts'
import type { BenchServers } from './servers.ts'
import type { Slice } from './slices.ts'

/** Slices by what was measured, such as `drain`. */
export type Slices = Record<string, Slice[]>

/**
 * Lets two contestants run at once and gives them work in turns of a few seconds, so that whatever else the machine
 * is at falls on both alike. Each starts afresh, because a process can be lucky or unlucky as a whole.
 *
 * @param options.warmUp before anything is measured
 * @param options.measure one turn: a slice of each kind
 */
export async function measurePair(options: {
  servers: BenchServers
  contestants: readonly [Contestant, Contestant]
  turns: number
  warmUp: (running: Running) => Promise<unknown>
  measure: (running: Running) => Promise<Readonly<Record<string, Slice>>>
}): Promise<[Slices, Slices]> {
  const { servers, contestants, turns, warmUp, measure } = options
  const pair: { running: Running; slices: Slices }[] = []
  try {
    for (const contestant of contestants) {
      pair.push({ running: await contestant.start(servers), slices: {} })
    }
    for (const { running } of pair) await warmUp(running)
    for (let turn = 0; turn < turns; turn++) {
      // A B, B A: nobody always comes first.
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
