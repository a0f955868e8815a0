import { isIP } from 'node:net'

const mostTries = 5
const windowMs = 60_000
/** Each takes some hundred bytes. Beyond it the address that was first to try is forgotten. */
const mostAddresses = 10_000

/** Counts wrong passwords by address. */
export interface WrongTries {
  /** Seconds until the address may try again; 0 when it may now. */
  waitSeconds(address: string | null): number
  add(address: string | null): void
}

/**
 * Allows five wrong passwords a minute and address. Addresses of IPv6 count by their /64, because one machine has all of
 * it.
 */
export function createWrongTries(options: { nowMs?: () => number } = {}): WrongTries {
  const { nowMs = Date.now } = options
  const triesByAddress = new Map<string, number[]>()

  function recentOf(key: string): number[] {
    return (triesByAddress.get(key) ?? []).filter((triedAtMs) => triedAtMs > nowMs() - windowMs)
  }

  return {
    waitSeconds(address) {
      const recent = recentOf(networkOf(address))
      if (recent.length < mostTries) return 0
      return Math.ceil((recent[0]! + windowMs - nowMs()) / 1_000)
    },
    add(address) {
      const key = networkOf(address)
      const tries = [...recentOf(key), nowMs()].slice(-mostTries)
      triesByAddress.delete(key)
      triesByAddress.set(key, tries)
      if (triesByAddress.size > mostAddresses) triesByAddress.delete(triesByAddress.keys().next().value!)
    },
  }
}

function networkOf(address: string | null): string {
  if (address === null || isIP(address) !== 6) return address ?? ''
  // The URL parser writes every spelling of an address in one way.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [left, right] = [head.split(':'), tail === undefined || tail === '' ? [] : tail.split(':')]
  const zeros = tail === undefined ? [] : Array(8 - left.length - right.length).fill('0')
  return [...left, ...zeros, ...right].slice(0, 4).join(':')
}
