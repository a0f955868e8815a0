import type { ReprocessCommandOptions } from '../reprocess.ts'

/**
 * The command that goes on where a run has stopped. It names no database, because the URL may have a password.
 *
 * @param since all selected deliveries that were received before are done: ISO 8601
 */
export function commandToGoOn(options: ReprocessCommandOptions, since: string): string {
  const { until, outcome, reason, anomaly, session, delivery, writtenBy, rate, dryRun, yes, json } = options
  const valued = {
    '--since': since,
    '--until': until?.toISOString(),
    '--outcome': outcome,
    '--reason': reason,
    '--anomaly': anomaly,
    '--session': session,
    '--delivery': delivery,
    '--written-by': writtenBy,
    '--rate': rate,
  }
  const flags = { '--dry-run': dryRun, '--yes': yes, '--json': json }
  return [
    'vss reprocess',
    ...Object.entries(valued).flatMap(([name, value]) =>
      value === undefined ? [] : [name, quoted(String(value))],
    ),
    ...Object.entries(flags).flatMap(([name, isGiven]) => (isGiven ? [name] : [])),
  ].join(' ')
}

/** As a shell takes it for one word. */
function quoted(value: string): string {
  return /^[\w.:+-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`
}
