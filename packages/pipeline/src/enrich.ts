import { enrichSession, type LedgerEntry } from '@vss-pipeline/vss'
import { isRejected, type Rejected } from './rejected.ts'
import type { Validated, validate } from './validate.ts'

/**
 * Adds the facts that follow from a session as sent: parties, durations, quality, meanings, anomalies. Anomalies are
 * found by `anomaliesOf` of packages/vss/src/anomalies.ts, and before by {@link validate}.
 */
export function enrich(item: Validated | Rejected): LedgerEntry {
  if (isRejected(item)) return item
  return {
    ...item.delivery,
    verdict: { kind: 'session', session: enrichSession(item.session, item.delivery.receivedAtMs) },
  }
}
