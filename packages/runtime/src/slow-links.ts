import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'

/**
 * Node tries the addresses of a name one after another, and gives each but the last up after this long. It is more than
 * 1 s, because a lost SYN is sent again only then. It is less than the 2 s that connecting to Redis may take, and the
 * 5 s of Postgres, so that there is time for the next address where the first one is silent.
 */
const attemptTimeoutMs = 1_500

/** Call it at the start of a program. Node's own 250 ms are too short for a slow link, or one that loses packets. */
export function allowSlowLinks(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(attemptTimeoutMs)
}
