import { describe, expect, test } from 'vitest'
import { createAddressSet, createSourceAddress } from './source-address.ts'

describe('an address set', () => {
  const contains = createAddressSet([
    '203.0.113.0/24',
    '198.51.100.7',
    '2001:db8::/32',
    '2001:db9::1',
    '192.0.2.77/31',
  ])

  test.each([
    '203.0.113.0',
    '203.0.113.255',
    '198.51.100.7',
    '2001:db8::1',
    '2001:DB8:ffff::',
    '2001:db9::1',
    '192.0.2.76',
    '::ffff:203.0.113.9',
  ])('has %s', (address) => {
    expect(contains(address)).toBe(true)
  })

  test.each([
    '203.0.114.0',
    '198.51.100.8',
    '2001:db9::2',
    '192.0.2.78',
    '::1',
    '0.0.0.0',
    '',
    'unknown',
    '203.0.113.9, 1.1.1.1',
  ])('has not %j', (address) => {
    expect(contains(address)).toBe(false)
  })

  test('of prefix 0 has all addresses of its family', () => {
    expect(createAddressSet(['0.0.0.0/0'])('8.8.8.8')).toBe(true)
    expect(createAddressSet(['::/0'])('2001:db8::1')).toBe(true)
    expect(createAddressSet([])('127.0.0.1')).toBe(false)
  })
})

describe('the source address of a request', () => {
  const sourceAddress = createSourceAddress(['10.0.0.0/8', '192.168.0.1', 'fd00::/8'])

  test.each([
    ['is the peer where no header is sent', '203.0.113.9', undefined, '203.0.113.9'],
    [
      'is the peer where the peer is no proxy, whatever the header claims',
      '203.0.113.9',
      '8.8.8.8',
      '203.0.113.9',
    ],
    ['is the address that the proxy saw', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['is the rightmost hop that is no proxy', '10.0.0.1', '8.8.8.8, 203.0.113.9, 10.2.2.2', '203.0.113.9'],
    [
      'is not the claim of the sender, which stands to the left',
      '10.0.0.1',
      '10.9.9.9, 203.0.113.9',
      '203.0.113.9',
    ],
    ['is the leftmost proxy where all hops are proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['is the last proxy where the next hop is no address', '10.0.0.1', '8.8.8.8, unknown', '10.0.0.1'],
    ['is the last proxy where the next hop is hidden', '10.0.0.1', '8.8.8.8, _hidden, 10.0.0.2', '10.0.0.2'],
    ['may come with its port', '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['may come in brackets', '10.0.0.1', '[2001:db8::7]', '2001:db8::7'],
    ['may come in brackets with its port', '10.0.0.1', '8.8.8.8, [2001:db8::7]:4711', '2001:db8::7'],
    ['may be an IPv6 address without brackets', '10.0.0.1', '2001:db8::7', '2001:db8::7'],
    ['may be IPv4 in IPv6 of any case', '10.0.0.1', '::FFFF:203.0.113.9', '203.0.113.9'],
    ['is the proxy where the header is empty', '10.0.0.1', '', '10.0.0.1'],
    ['is the proxy where the header ends with stray commas', '10.0.0.1', '203.0.113.9,, ,', '10.0.0.1'],
    ['is the proxy where the brackets do not match', '10.0.0.1', '[203.0.113.9', '10.0.0.1'],
    ['may be IPv6', 'fd00::1', '2001:db8::9', '2001:db8::9'],
    ['is IPv4 where it comes in IPv6 notation', '::ffff:203.0.113.9', undefined, '203.0.113.9'],
    ['is found behind a proxy in IPv6 notation', '::ffff:10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['has no zone', 'fe80::1%eth0', undefined, 'fe80::1'],
    ['is null when the peer is gone', undefined, '203.0.113.9', null],
  ])('%s', (_, peer, forwardedFor, source) => {
    expect(sourceAddress(peer, forwardedFor)).toBe(source)
  })

  test('is looked for from the right, behind 32 proxies at most', () => {
    const proxies = Array.from({ length: 40 }, (_, n) => `10.0.0.${n}`)
    expect(sourceAddress('10.1.1.1', ['203.0.113.9', ...proxies].join())).toBe('10.0.0.8')
    expect(sourceAddress('10.1.1.1', ['203.0.113.9', ...proxies.slice(10)].join())).toBe('203.0.113.9')
    expect(sourceAddress('10.1.1.1', `${':'.repeat(8_000)},203.0.113.9`)).toBe('203.0.113.9')
    expect(sourceAddress('10.1.1.1', `${' '.repeat(8_000)}203.0.113.9`)).toBe('10.1.1.1')
  })

  test('never believes the header when no proxy is trusted', () => {
    expect(createSourceAddress([])('127.0.0.1', '203.0.113.9')).toBe('127.0.0.1')
  })
})
