import { displayCount, displayCountOf, displaySpan } from '@vss-pipeline/runtime'
import type { Finding } from './finding.ts'
import { type Facts, findAll } from './findings.ts'
import type { OutcomeCounts } from './minutes.ts'
import { ingestsOf } from './posts.ts'

/** The state of the pipeline in one line. */
export interface Verdict {
  readonly level: 'ok' | 'warning' | 'error'
  /** One or two sentences. */
  readonly text: string
  /** The exit code of `vss status`. 2: neither server answers, so that nothing can be told. */
  readonly exit: 0 | 1 | 2
}

/**
 * Judges the pipeline by the known facts: it is wrong where a finding is an error.
 *
 * @param facts A part that could not be read is absent.
 * @param now in milliseconds since the Unix epoch
 */
export function judge(facts: Facts, now = Date.now()): { verdict: Verdict; findings: Finding[] } {
  const findings = findAll(facts)
  return { verdict: judgeFindings(facts, findings, now), findings }
}

function judgeFindings(facts: Facts, findings: readonly Finding[], now: number): Verdict {
  if (facts.redisProblem === 'away' && facts.databaseProblem === 'away') {
    return {
      level: 'error',
      text: 'Neither Redis nor Postgres answers: nothing can be told about the pipeline.',
      exit: 2,
    }
  }
  const [gravest] = findings
  if (gravest?.level === 'error') {
    const { text, remedy } = gravest
    return { level: 'error', text: `${toSentence(text)} To do: ${remedy}.`, exit: 1 }
  }
  if (gravest !== undefined) {
    return { level: 'warning', text: `${describeFlow(facts, now)} But ${gravest.text}.`, exit: 0 }
  }
  return { level: 'ok', text: describeFlow(facts, now, ', and nothing is wrong'), exit: 0 }
}

function toSentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

/** @param comfort is said where nothing comes. */
function describeFlow(facts: Facts, now: number, comfort = ''): string {
  const { outcomes, queue } = facts
  const waiting = queue?.deliveries ?? 0
  if (outcomes !== undefined && recordedOf(outcomes.lastFiveMinutes) > 0) {
    const { stored } = outcomes.lastFiveMinutes
    const others = recordedOf(outcomes.lastFiveMinutes) - stored
    const beside = others === 0 ? '' : ` and ${displayCount(others)} recorded otherwise`
    const waits = waiting === 0 ? 'none waiting' : `${displayCount(waiting)} waiting`
    return `Records flow: ${displayCount(stored)} stored${beside} in the last 5 minutes, ${waits}.`
  }
  if (waiting > 0) {
    const span = displaySpan(queue!.oldestWaitingSeconds)
    return `${displayCountOf(waiting, 'delivery waits', 'deliveries wait')} to be stored, the oldest for ${span}.`
  }
  const lastMs = lastReceivedAtMs(facts)
  const last =
    lastMs === null
      ? 'no delivery has come in the time that was looked at'
      : `the last delivery came ${displaySpan(Math.max(0, now - lastMs) / 1000)} ago`
  return `Nothing comes${comfort}: ${last}.`
}

function recordedOf({ stored, duplicate, superseded, rejected }: OutcomeCounts): number {
  return stored + duplicate + superseded + rejected
}

/**
 * The receipt of the last delivery, as far as it is known, in milliseconds since the Unix epoch: ingests tell that of
 * their own, and the ledger has those before them.
 */
export function lastReceivedAtMs({
  processes,
  lastRecordedReceipt,
}: Pick<Facts, 'processes' | 'lastRecordedReceipt'>): number | null {
  const told = processes === undefined ? [] : ingestsOf(processes).map((ingest) => ingest.lastReceivedAtMs)
  const recorded = lastRecordedReceipt == null ? null : Date.parse(lastRecordedReceipt)
  const known = [...told, recorded].filter((receipt) => receipt !== null)
  return known.length === 0 ? null : Math.max(...known)
}
