import type { SessionRow } from '@vss-pipeline/reader'
import { displayCount } from '@vss-pipeline/runtime'
import { alignColumns, displayValue, shorten, title } from './text.ts'

/** Sessions as a table of two lines each. A text that is too wide for its column is cut. */
export function renderSessionList(sessions: readonly SessionRow[]): string {
  const rows = sessions.map(({ startedAt, status, caller, callee, talkSeconds }) => [
    startedAt.slice(0, 19).replace('T', ' '),
    shorten(displayValue(status), 11),
    shorten(displayValue(caller), 16),
    shorten(displayValue(callee), 16),
    shorten(talkSeconds === null ? '-' : `${displayCount(Math.round(talkSeconds))} s`, 10),
  ])
  const table = alignColumns([['started (UTC)', 'status', 'caller', 'callee', 'talk'], ...rows])
  const [heading = '', ...lines] = table.split('\n')
  const entries = lines.map((line, index) => {
    const { sessionId, subAccountId } = sessions[index]!
    return `${line}\n  ${sessionId}  ${shorten(displayValue(subAccountId), 40)}`
  })
  return [title(heading), ...entries].join('\n')
}
