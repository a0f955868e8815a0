import { type RefusalCode, refusalCodes } from './refusal.ts'

const minuteMs = 60_000
const keptMinutes = 60

/** How the POSTs of the last hour ended: of this minute, and of the 59 before. */
export interface LastHour {
  accepted(): void
  refused(code: RefusalCode): void
  /** Begins a new minute where the last one is over. It is to be called each second. */
  turn(): void
  /** @returns the sums; a code without a refusal is left out. */
  read(): { accepted: number; refused: Partial<Record<RefusalCode, number>> }
}

/** Counts by minute in memory: an array's increment a POST, and no look at the clock. */
export function createLastHour(options: { now?: () => number } = {}): LastHour {
  const { now = () => performance.now() } = options
  const columnOf = Object.fromEntries(refusalCodes.map((code, index) => [code, index + 1])) as Record<
    RefusalCode,
    number
  >
  const minuteOf = () => Math.floor(now() / minuteMs)
  let minutes = [{ minute: minuteOf(), counts: new Uint32Array(refusalCodes.length + 1) }]
  let { counts } = minutes[0]!

  function sumOf(column: number): number {
    return minutes.reduce((sum, minute) => sum + minute.counts[column]!, 0)
  }

  return {
    accepted() {
      counts[0]!++
    },
    refused(code) {
      counts[columnOf[code]]!++
    },
    turn() {
      const minute = minuteOf()
      if (minute === minutes.at(-1)!.minute) return
      counts = new Uint32Array(refusalCodes.length + 1)
      minutes = [...minutes.filter((kept) => kept.minute > minute - keptMinutes), { minute, counts }]
    },
    read() {
      const refused = refusalCodes.map((code) => [code, sumOf(columnOf[code])] as const)
      return {
        accepted: sumOf(0),
        refused: Object.fromEntries(refused.filter(([, count]) => count > 0)),
      }
    },
  }
}
