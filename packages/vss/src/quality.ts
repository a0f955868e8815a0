import type { NormalizedLeg, QualityBand } from './model.ts'
import { mosBand, qualityRanges } from './reference.ts'

type Measure = keyof typeof qualityRanges

function inRange(measure: Measure, value: number): boolean {
  return value >= qualityRanges[measure].min && value <= qualityRanges[measure].max
}

/** Whether every quality value of a leg lies in the range of its measure. */
export function qualityIsPossible(leg: NormalizedLeg): boolean {
  return (Object.keys(qualityRanges) as Measure[]).every((measure) => {
    const value = leg[measure]
    return value === null || inRange(measure, value)
  })
}

function worst(legs: readonly NormalizedLeg[], measure: Measure, pick: (...values: number[]) => number) {
  let result: number | null = null
  for (const leg of legs) {
    const value = leg[measure]
    if (value !== null && inRange(measure, value)) result = result === null ? value : pick(result, value)
  }
  return result
}

/**
 * Finds the worst of each measure among a session's legs: the lowest MOS with its band, the greatest packet loss (a
 * fraction) and the greatest jitter (ms). Impossible values do not count. A measure without a possible value is null.
 */
export function worstQuality(legs: readonly NormalizedLeg[]): {
  mosMin: number | null
  mosBand: QualityBand | null
  packetLossMax: number | null
  jitterMsMax: number | null
} {
  const mosMin = worst(legs, 'mos', Math.min)
  return {
    mosMin,
    mosBand: mosMin === null ? null : mosBand(mosMin),
    packetLossMax: worst(legs, 'packetLossRate', Math.max),
    jitterMsMax: worst(legs, 'jitterMs', Math.max),
  }
}
