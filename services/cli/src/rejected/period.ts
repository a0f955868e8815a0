import { UsageError } from '../failure.ts'
import type { RejectedOptions } from '../rejected.ts'

const defaultMs = 7 * 86_400_000

/** @returns the time that is looked at: from `since` until before `until`. @throws UsageError */
export function periodOf(options: Pick<RejectedOptions, 'since' | 'until'>): { since: Date; until: Date } {
  const { until = new Date() } = options
  const { since = new Date(until.getTime() - defaultMs) } = options
  if (since >= until) throw new UsageError('--since is not before --until')
  return { since, until }
}
