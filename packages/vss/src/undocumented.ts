import type { Session } from './enrich.ts'
import type { Anomaly, AnomalyDetail } from './model.ts'
import { isPlainText } from './places.ts'
import type { Verdict } from './verdict.ts'

/** A way in which an event differs from the documentation. */
export interface EventDrift {
  kind: Anomaly
  path: string
  /** The unknown word, `?` where it must not be shown; empty for a field that is unknown or could not be read. */
  value: string
}

/** The anomalies that tell of a vendor's change. The others are about facts of the call. */
const driftCodes: ReadonlySet<Anomaly> = new Set<Anomaly>([
  'unknown_field',
  'unknown_status',
  'unknown_action',
  'unknown_direction',
  'unknown_type',
  'invalid_value',
])

const wordForm = /^[A-Za-z0-9 _-]+$/
const noDrift: readonly EventDrift[] = []

/** Finds how an event differs from the documentation. A rejected one may as well, when a field was renamed. */
export function driftOf(verdict: Verdict): readonly EventDrift[] {
  const details = verdict.kind === 'session' ? verdict.session.anomalyDetails : verdict.anomalyDetails
  if (!details) return noDrift
  const session = verdict.kind === 'session' ? verdict.session : null
  const drift: EventDrift[] = []
  for (const detail of details) {
    if (driftCodes.has(detail.code)) {
      drift.push({ kind: detail.code, path: detail.path, value: shownValue(detail, session) })
    }
  }
  return drift
}

function shownValue({ code, path }: AnomalyDetail, session: Session | null): string {
  if (code === 'unknown_field' || code === 'invalid_value' || session === null) return ''
  const word = wordAt(path, session) ?? ''
  return isPlainText(word, wordForm) ? word : '?'
}

/** The word that was stored of that place. */
function wordAt(path: string, { status, lastAction, legs }: Session): string | null | undefined {
  if (path === 'payload.sessionStatus') return status
  if (path === 'payload.lastAction') return lastAction
  const [, letter, name] = /^payload\.details\.call([A-Z])\.(\w+)$/.exec(path) ?? []
  const leg = legs.find((one) => one.leg === letter)
  if (name === 'callStatus') return leg?.status
  return name === 'callDirection' ? leg?.direction : leg?.callType
}
