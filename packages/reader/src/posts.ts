import type { IngestReport, ProcessList } from '@vss-pipeline/queue'
import { displayCount, displayCountOf } from '@vss-pipeline/runtime'

/** How the POSTs of the last hour ended, at all ingests that run. */
export interface Posts {
  accepted: number
  /** By the code of the answer; the most frequent first. */
  refused: Record<string, number>
}

/** Adds up the POSTs of the last hour. A process that has ended took its counts with it. */
export function sumPosts(processes: Pick<ProcessList, 'running'>): Posts {
  const ingests = ingestsOf(processes)
  const refused = new Map<string, number>()
  for (const { lastHour } of ingests) {
    for (const [code, count] of Object.entries(lastHour.refused)) {
      refused.set(code, (refused.get(code) ?? 0) + count)
    }
  }
  return {
    accepted: ingests.reduce((sum, { lastHour }) => sum + lastHour.accepted, 0),
    refused: Object.fromEntries([...refused].sort(([, one], [, other]) => other - one)),
  }
}

/** A single delivery that could not be kept may be lost. */
export function findUnavailable(processes: ProcessList | undefined): string[] {
  if (processes === undefined) return []
  const { unavailable = 0 } = sumPosts(processes).refused
  return unavailable === 0
    ? []
    : [
        `${displayCountOf(unavailable, 'POST', 'POSTs')} of the last hour could not be kept, and may be lost, because 8x8 hardly sends again`,
      ]
}

/** @param notable so many, and this share of all POSTs, refused for one reason are no accident. */
export function findRefusedPosts(
  processes: ProcessList | undefined,
  notable: { count: number; share: number },
): string[] {
  if (processes === undefined) return []
  const { accepted, refused } = sumPosts(processes)
  const all = Object.values(refused).reduce((sum, count) => sum + count, accepted)
  return Object.entries(refused)
    .filter(([code]) => code !== 'unavailable')
    .filter(([, count]) => count >= notable.count && count >= notable.share * all)
    .map(
      ([code, count]) =>
        `${displayCount(count)} of ${displayCountOf(all, 'POST', 'POSTs')} of the last hour were refused as ${code}${explain(code)}`,
    )
}

/** Most refusals have one likely cause. */
const causes = new Map(
  Object.entries({
    unauthorized: 'the secret at 8x8 is none of WEBHOOK_SECRETS, or a stranger posts',
    forbidden: "ALLOWED_IPS lacks the sender's address",
    not_found: 'they went to another path than the one for 8x8',
    payload_too_large: 'MAX_BODY_BYTES is below the size of events',
  }),
)

function explain(code: string): string {
  const cause = causes.get(code)
  return cause === undefined ? '' : `: ${cause}`
}

/** The ingests that run. */
export function ingestsOf({ running }: Pick<ProcessList, 'running'>): IngestReport[] {
  return running.filter((process) => process.service === 'ingest')
}
