/** Something that an operator should know, and what to do about it. */
export interface Finding {
  readonly code: string
  /** `error`: deliveries wait, or are lost, until somebody acts. `warning`: the pipeline works, but could work better. */
  readonly level: 'warning' | 'error'
  /** One sentence without a full stop. It holds no phone number. */
  readonly text: string
  readonly remedy: string
}

/** A kind of finding about some facts. */
export interface Check<Facts> {
  readonly code: string
  readonly level: Finding['level']
  readonly remedy: string
  /** @returns a text for each finding of this kind. */
  readonly find: (facts: Facts) => readonly string[]
}

/** The findings of all checks, in the order of the checks. */
export function applyChecks<Facts>(checks: readonly Check<Facts>[], facts: Facts): Finding[] {
  return checks.flatMap(({ code, level, remedy, find }) =>
    find(facts).map((text): Finding => ({ code, level, text, remedy })),
  )
}

/** Errors come first. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((one, other) => rank[one.level] - rank[other.level])
}

const rank: Record<Finding['level'], number> = { error: 0, warning: 1 }
