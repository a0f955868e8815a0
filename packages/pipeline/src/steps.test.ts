import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { completedSession } from '../../../test/support/example-sessions.ts'
import { bodyOf, completedExample } from '../../../test/support/vendor-examples.ts'
import { enrich } from './enrich.ts'
import { validate } from './validate.ts'

const body = bodyOf(completedExample())

function entryOf(sent: Uint8Array, receivedAt: string) {
  const delivery = {
    deliveryId: '018e7410-0000-7000-8000-000000000000',
    receivedAtMs: Date.parse(receivedAt),
    sourceIp: null,
    body: sent,
  }
  return enrich(validate(delivery))
}

describe('validate and enrich', () => {
  test('read a compressed body, and keep it as it came', () => {
    const compressed = gzipSync(body)
    const entry = entryOf(compressed, '2024-03-25T06:01:51Z')
    expect(entry.body).toBe(compressed)
    expect(entry.verdict).toEqual({ kind: 'session', session: completedSession })
  })

  test('keep a compressed body that cannot be read', () => {
    const damaged = gzipSync(body).subarray(0, -1)
    const entry = entryOf(damaged, '2024-03-25T06:01:51Z')
    expect(entry.body).toBe(damaged)
    expect(entry.verdict).toMatchObject({
      kind: 'rejected',
      sessionId: null,
      reasons: [{ code: 'malformed_json', message: expect.stringContaining('compressed') }],
    })
  })

  test.each([
    ['2024-03-25T06:01:51Z', []],
    ['2024-03-24T06:01:30Z', []],
    ['2024-03-24T06:01:29Z', ['implausible_time']],
  ])('compare the start with the receipt: %s gives %j', (receivedAt, anomalies) => {
    expect(entryOf(body, receivedAt).verdict).toMatchObject({ session: { anomalies } })
  })
})
