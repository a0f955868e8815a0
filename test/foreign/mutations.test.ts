import { spawn } from 'node:child_process'
import { buffer } from 'node:stream/consumers'
import { generateEvents } from '@vss-pipeline/generator'
import { expect, test } from 'vitest'
import { countKillers, expectInLedgerOnce } from '../support/accounting.ts'
import { startRunningPipeline } from '../support/running-pipeline.ts'
import { postBodies } from './post-bodies.ts'

const count = 2_000

test(`each of ${count} bodies that zzuf changed is in the ledger once, and none kills a worker`, async () => {
  const pipeline = await startRunningPipeline()
  const events = [...generateEvents({ seed: 'zzuf', count, dirtyShare: 0.2 })]
  const bodies: Buffer[] = []
  for (const [seed, { body }] of events.entries()) bodies.push(await mutate(body, seed))

  const deliveryIds = await postBodies(pipeline.webhookUrl, bodies)
  const outcomes = await expectInLedgerOnce(pipeline.pool, deliveryIds, { withinMs: 30_000 })

  const kinds = new Set([...outcomes.values()].flat())
  expect([...kinds]).toEqual(expect.arrayContaining(['stored', 'rejected']))
  expect(await countKillers(pipeline.pool), 'deliveries that killed a worker').toBe(0)
})

/** Changes up to two bits in a hundred. The same seed changes the same bits. */
async function mutate(body: Uint8Array, seed: number): Promise<Buffer> {
  const zzuf = spawn('zzuf', ['--seed', `${seed}`, '--ratio', '0.0002:0.02'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  zzuf.stdin.end(body)
  return await buffer(zzuf.stdout)
}
