import { hash, timingSafeEqual } from 'node:crypto'

/** @returns a function that compares by digests, so that its time tells nothing about the password. */
export function createPasswordCheck(password: string): (offered: string) => boolean {
  const expected = hash('sha256', password, 'buffer')
  return function isPassword(offered) {
    return timingSafeEqual(expected, hash('sha256', offered, 'buffer'))
  }
}
