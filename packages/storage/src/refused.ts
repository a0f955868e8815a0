import { isIP } from 'node:net'
import { isUuid } from '@vss-pipeline/delivery'
import { type LedgerEntry, type Reason, sessionIdOf } from '@vss-pipeline/vss/vocabulary'

/** Rejects a delivery, without values of its own that the ledger might refuse too. */
export function refusedEntry(entry: LedgerEntry, sqlState: string): LedgerEntry {
  const sessionId = sessionIdOf(entry)
  const reason: Reason = {
    code: 'refused_by_database',
    path: '',
    message: `the database refused a value of this event (SQLSTATE ${sqlState})`,
  }
  return {
    ...entry,
    sourceIp: entry.sourceIp !== null && isInet(entry.sourceIp) ? entry.sourceIp : null,
    verdict: {
      kind: 'rejected',
      reasons: [reason],
      sessionId: sessionId !== null && isUuid(sessionId) ? sessionId : null,
    },
  }
}

/** Unlike Node, Postgres takes no zone after an IPv6 address. */
function isInet(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%')
}
