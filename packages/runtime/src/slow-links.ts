import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'

/**
 * The addresses of a name are tried one after another, and each but the last is given up for good after this long.
 * A lost SYN is repeated after 1 s, so that must be within it; and since connecting to Redis takes 2 s at most, and
 * to Postgres 5 s, there is time left for the next address where the first one is silent.
 */
const attemptTimeoutMs = 1_500

/** For the start of a program: Node's own 250 ms would be too short for a slow link, or one that loses packets. */
export function allowSlowLinks(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(attemptTimeoutMs)
}
