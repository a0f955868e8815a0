import { receivedAtMsOf } from '@vss-pipeline/delivery'
import { createPool, createWriter } from '@vss-pipeline/storage'
import { enrichSession, type LedgerEntry, type NormalizedSession, validateEvent } from '@vss-pipeline/vss'
import fc from 'fast-check'
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../../support/databases.ts'
import { hostileEvents } from '../../support/hostile-events.ts'
import { bodyOf } from '../../support/vendor-examples.ts'

test('Postgres takes all that validation passes, and takes it for the same when it comes again', async () => {
  const database = await createTestDatabase(inject('databaseUrl'))
  onTestFinished(() => database.drop())
  const pool = createPool({ databaseUrl: database.url, maxConnections: 1, applicationName: 'vss-test' })
  onTestFinished(() => pool.end())
  const writer = createWriter({ pool, pipelineVersion: 'test' })
  let passed = 0

  // Many events a flush: one that Postgres refuses is isolated by the writer and shows as rejected.
  const flushes = fc.array(hostileEvents, { minLength: 50, maxLength: 50 })
  await fc.assert(
    fc.asyncProperty(flushes, async (events) => {
      const entries = events.flatMap((event) => {
        const body = bodyOf(event)
        const validation = validateEvent(body)
        return validation.ok ? [entryOf(validation.session, body)] : []
      })
      passed += entries.length
      const recorded = await writer.write(entries)
      const refused = recorded.filter(({ outcome }) => outcome !== 'stored')
      expect(refused).toEqual([])
      expect(recorded).toHaveLength(entries.length)
      const again = await writer.write(entries.map(inOtherBytes))
      expect(again.filter(({ outcome }) => outcome !== 'duplicate')).toEqual([])
      expect(again).toHaveLength(entries.length)
    }),
    { numRuns: 40 },
  )
  expect(passed).toBeGreaterThan(200)
})

/** Every event a session of its own, so that each is written. */
function entryOf(validated: NormalizedSession, body: Uint8Array): LedgerEntry {
  const deliveryId = uuidv7()
  const receivedAtMs = receivedAtMsOf(deliveryId)
  const session = enrichSession(validated, receivedAtMs)
  return {
    deliveryId,
    receivedAtMs,
    sourceIp: null,
    body,
    verdict: { kind: 'session', session: { ...session, sessionId: uuidv4() } },
  }
}

function inOtherBytes(entry: LedgerEntry): LedgerEntry {
  const deliveryId = uuidv7()
  const body = Buffer.concat([entry.body!, Buffer.from(' ')])
  return { ...entry, deliveryId, receivedAtMs: receivedAtMsOf(deliveryId), body }
}
