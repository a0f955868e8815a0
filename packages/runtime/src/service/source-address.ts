import { BlockList, isIP } from 'node:net'

/** Tells whether an address lies in a set of CIDRs; IPv4 in IPv6 notation counts as IPv4. */
export function createAddressSet(cidrs: readonly string[]): (address: string) => boolean {
  const set = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', prefix] = cidr.split('/')
    const type = isIP(network) === 6 ? 'ipv6' : 'ipv4'
    set.addSubnet(network, prefix === undefined ? (type === 'ipv6' ? 128 : 32) : Number(prefix), type)
  }
  return function contains(address) {
    const family = isIP(address)
    return family !== 0 && set.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** No chain of proxies is longer. */
const maxHops = 32
/** Longer than any address, with its brackets, zone and port. */
const maxHopLength = 100

/**
 * Finds the address that sent a request: the peer's or, when the peer is a trusted proxy, the rightmost hop of
 * `X-Forwarded-For` that is no trusted proxy. The text to the left of that hop is the sender's own claim, and is never
 * read, however long it is. No more than 32 hops are read.
 *
 * @returns an IPv4 or IPv6 address, or null when the peer has none (its socket is gone).
 */
export function createSourceAddress(trustedProxies: readonly string[]) {
  const isTrusted = createAddressSet(trustedProxies)
  return function sourceAddress(peer: string | undefined, forwardedFor: string | undefined): string | null {
    if (peer === undefined) return null
    let source = plainAddress(peer)
    if (forwardedFor === undefined || trustedProxies.length === 0) return source
    let end = forwardedFor.length
    for (let hops = 0; hops < maxHops && end >= 0 && isTrusted(source); hops++) {
      const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(',', end - 1)
      const hop = readHop(forwardedFor.slice(comma + 1, end))
      if (hop === undefined) break
      source = hop
      end = comma
    }
    return source
  }
}

/** @returns the address of a hop; undefined when it has none. */
function readHop(text: string): string | undefined {
  if (text.length > maxHopLength) return undefined
  const address = plainAddress(withoutPort(text.trim()))
  return isIP(address) === 0 ? undefined : address
}

/** Some proxies append the sender's port: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(hop)
  if (bracketed) return bracketed[1] ?? ''
  const [address = '', port, ...more] = hop.split(':')
  return port !== undefined && more.length === 0 ? address : hop
}

/** The address as IPv4 where it is IPv4 in IPv6 notation, and without a zone. */
function plainAddress(address: string): string {
  if (/^::ffff:/i.test(address) && isIP(address.slice(7)) === 4) return address.slice(7)
  // A zone (fe80::1%eth0) has a meaning on this machine only.
  const zone = address.indexOf('%')
  return zone === -1 ? address : address.slice(0, zone)
}
