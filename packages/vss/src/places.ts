import type { Anomaly, AnomalyDetail } from './model.ts'

/** An event may have thousands of unknown fields. A code's first place is kept in any case. */
const mostPlaces = 50

const longestName = 64
const nameForm = /^[\w$.-]+$/

/**
 * Whether a text of the sender's is short, plain, and no phone number: it has 6 digits at most. It may then be shown
 * where phone numbers must not be.
 */
export function isPlainText(text: string, form: RegExp): boolean {
  return text.length <= longestName && form.test(text) && !/(?:\d\D*){7}/.test(text)
}

/** A member's name as it may stand in a path: `?` for one that is long, odd, or perhaps a phone number. */
function plainName(name: string): string {
  return isPlainText(name, nameForm) ? name : '?'
}

/** The anomalies of one event, and their places. */
export class FoundAnomalies {
  readonly codes: Set<Anomaly>
  readonly details: AnomalyDetail[]

  constructor(
    found: { codes: Iterable<Anomaly>; details: Iterable<AnomalyDetail> } = { codes: [], details: [] },
  ) {
    this.codes = new Set(found.codes)
    this.details = [...found.details]
  }

  /** @param path such as `payload.details.callA.source`. Names of the sender's in it must be plain. */
  add(code: Anomaly, path: string): void {
    if (this.isFull(code)) return
    this.codes.add(code)
    if (!this.details.some((known) => known.code === code && known.path === path))
      this.details.push({ code, path })
  }

  /** Whether another place of this anomaly would not be kept. */
  isFull(code: Anomaly): boolean {
    return this.details.length >= mostPlaces && this.codes.has(code)
  }
}

/** An object of the event, while its members are read: anomalies are found at its members. */
export class Place {
  readonly found: FoundAnomalies
  readonly path: string

  /** @param path empty for the event itself */
  constructor(found: FoundAnomalies, path: string) {
    this.found = found
    this.path = path
  }

  /** @param name a documented name, or one of the sender's */
  add(code: Anomaly, name: string): void {
    // Nearly no member is odd, so a path is made here and not before.
    if (!this.found.isFull(code)) this.found.add(code, this.pathOf(name))
  }

  /** The object that is the member of that name. */
  at(name: string): Place {
    return new Place(this.found, this.pathOf(name))
  }

  private pathOf(name: string): string {
    return this.path === '' ? plainName(name) : `${this.path}.${plainName(name)}`
  }
}
