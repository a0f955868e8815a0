import { until } from '@vss-pipeline/local-stack'
import fc from 'fast-check'
import { Pool } from 'undici'
import { expect, test } from 'vitest'
import { countKillers, countLedger, countLedgerByOutcome } from '../../support/accounting.ts'
import { examples, hostileEvents } from '../../support/hostile-events.ts'
import { startRunningPipeline } from '../../support/running-pipeline.ts'
import { bodyOf } from '../../support/vendor-examples.ts'
import { sampleWatermark } from '../../support/watermark-samples.ts'

const count = Number(process.env.FUZZ_BODIES ?? 5_000)
const connections = 16
const page = 1_000

/** An example with some of its bytes changed, cut out or doubled. */
const mutatedBytes = fc
  .tuple(examples, fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 8 }))
  .map(([event, changes]) => {
    const bytes = [...bodyOf(event)]
    for (const [at, byte, kind] of changes) {
      const index = at % bytes.length
      if (kind === 0) bytes[index] = byte
      else if (kind === 1) bytes.splice(index, byte)
      else bytes.splice(index, 0, ...bytes.slice(index, index + byte))
      if (bytes.length === 0) break
    }
    return Uint8Array.from(bytes)
  })
const bodies = fc.oneof(hostileEvents.map(bodyOf), mutatedBytes, fc.uint8Array({ maxLength: 200 }))

test(`${count} mutated bodies are all accounted for, and the queue goes on`, {
  timeout: 1_800_000,
}, async () => {
  const { webhookUrl, pool, workers, databaseUrl } = await startRunningPipeline()
  const watermark = sampleWatermark(databaseUrl)
  const client = new Pool(new URL(webhookUrl).origin, { connections })
  const ids = new Set<string>()
  let acknowledged = 0

  for (let seed = 0; acknowledged < count; seed++) {
    const sample = fc.sample(bodies, { seed, numRuns: Math.min(page, count - acknowledged) })
    const queue = sample[Symbol.iterator]()
    await Promise.all(
      Array.from({ length: connections }, async () => {
        for (const body of queue) {
          const response = await client.request({ method: 'POST', path: '/webhooks/vss', body })
          expect(response.statusCode, `page ${seed}`).toBe(200)
          ids.add(((await response.body.json()) as { deliveryId: string }).deliveryId)
        }
      }),
    )
    acknowledged += sample.length
  }
  await client.close()

  expect(ids.size).toBe(count)
  await until('The account of all bodies', async () => (await countLedger(pool)) >= count, {
    timeoutMs: 60_000,
  })
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(DISTINCT delivery_id)::int AS count FROM vss.deliveries WHERE delivery_id = ANY ($1::uuid[])',
    [[...ids]],
  )
  expect(rows[0]?.count).toBe(count)
  await watermark.untilPassed([...ids], { timeoutMs: 20_000 })
  watermark.expectTrue([...ids])
  const outcomes = await countLedgerByOutcome(pool)
  expect(outcomes.rejected, 'bodies that could not become rows').toBeGreaterThan(0)
  expect(outcomes.stored, 'bodies that became rows').toBeGreaterThan(0)
  expect(await countKillers(pool), 'deliveries that killed a worker').toBe(0)
  const first = workers[0]!
  expect((await fetch(`${first.opsUrl}/livez`)).ok, 'the same worker still runs').toBe(true)
})
