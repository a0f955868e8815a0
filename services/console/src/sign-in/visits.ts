import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** The time between a first page and the end of the visit, however busy it is: a long working day. */
const visitMs = 12 * 60 * 60 * 1_000

/** A browser's visit to the console. Its cookie is signed, and nothing of it is stored until it is ended. */
export interface Visit {
  readonly id: string
  readonly isSignedIn: boolean
  readonly endsAtMs: number
}

/** Names a visit in the log, and gives nobody its cookie. */
export function visitName({ id }: Visit): string {
  return id.slice(0, 8)
}

export interface Visits {
  /** Begins a visit under a new id: an id from before a sign-in is never one after it. */
  begin(options: { isSignedIn: boolean }): Visit
  /** Reads a cookie's value; null where it is missing, forged, too old or ended. */
  read(cookie: string | undefined): Visit | null
  toCookie(visit: Visit): string
  /** Ends a visit before its time: its cookie is refused from now on, whoever has a copy. */
  end(visit: Visit): void
  /** The token that every form of the visit carries. A page of another site cannot know it. */
  formTokenOf(visit: Visit): string
  isFormToken(visit: Visit, token: unknown): boolean
}

/**
 * Signs visits with a key that lives as long as the process: a restart signs everyone out, and no cookie helps to guess
 * the password.
 *
 * @param options.nowMs the clock, in milliseconds since the Unix epoch
 */
export function createVisits(options: { nowMs?: () => number } = {}): Visits {
  const { nowMs = Date.now } = options
  const key = randomBytes(32)
  /** The ends of visits that were ended early, by id. They are forgotten when the cookie would be too old anyway. */
  const ended = new Map<string, number>()

  function sign(purpose: 'visit' | 'form', text: string): string {
    return createHmac('sha256', key).update(`${purpose} ${text}`).digest('base64url')
  }
  function forgetOld(): void {
    for (const [id, endsAtMs] of ended) if (endsAtMs <= nowMs()) ended.delete(id)
  }

  return {
    begin({ isSignedIn }) {
      return { id: randomBytes(16).toString('base64url'), isSignedIn, endsAtMs: nowMs() + visitMs }
    },
    toCookie(visit) {
      const text = textOf(visit)
      return `${text}.${sign('visit', text)}`
    },
    read(cookie) {
      const [, text = '', id = '', kind, end, signature = ''] = cookieForm.exec(cookie ?? '') ?? []
      if (id === '' || !isEqual(sign('visit', text), signature)) return null
      const endsAtMs = Number(end)
      if (endsAtMs <= nowMs() || ended.has(id)) return null
      return { id, isSignedIn: kind === 'in', endsAtMs }
    },
    end(visit) {
      forgetOld()
      ended.set(visit.id, visit.endsAtMs)
    },
    formTokenOf: ({ id }) => sign('form', id),
    isFormToken({ id }, token) {
      return typeof token === 'string' && isEqual(sign('form', id), token)
    },
  }
}

const cookieForm = /^(([\w-]{22})\.(in|out)\.(\d{13,15}))\.([\w-]{43})$/

function textOf({ id, isSignedIn, endsAtMs }: Visit): string {
  return `${id}.${isSignedIn ? 'in' : 'out'}.${endsAtMs}`
}

function isEqual(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)]
  return one.length === other.length && timingSafeEqual(one, other)
}
